// Native gRPC, in its fastest use: the blocking API, one channel, one stream for all keep-alives.
#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <stdexcept>

#include "calls.hpp"
#include "etcd/etcdserver/etcdserverpb/rpc.grpc.pb.h"

namespace holdfast::bench {
namespace {

namespace pb = etcdserverpb;

class GrpcCalls final : public Calls {
 public:
  explicit GrpcCalls(std::uint16_t port)
      : channel_(grpc::CreateChannel(fmt::format("127.0.0.1:{}", port), grpc::InsecureChannelCredentials())),
        keys_(pb::KV::NewStub(channel_)),
        leases_(pb::Lease::NewStub(channel_)),
        renewals_(leases_->LeaseKeepAlive(&renewals_context_)) {}

  ~GrpcCalls() override {
    renewals_->WritesDone();
    renewals_context_.TryCancel();
    renewals_->Finish();
  }

  void read(const std::string& prefix) override {
    pb::RangeRequest request;
    request.set_key(prefix);
    auto end = prefix;
    ++end.back();
    request.set_range_end(end);
    pb::RangeResponse response;
    grpc::ClientContext context;
    must(keys_->Range(&context, request, &response));
  }

  std::int64_t put_if_unchanged(const std::string& key, const std::string& value,
                                std::int64_t revision) override {
    pb::TxnRequest request;
    auto& compare = *request.add_compare();
    compare.set_key(key);
    compare.set_target(pb::Compare::MOD);
    compare.set_mod_revision(revision);
    auto& put = *request.add_success()->mutable_request_put();
    put.set_key(key);
    put.set_value(value);
    pb::TxnResponse response;
    grpc::ClientContext context;
    must(keys_->Txn(&context, request, &response));
    if (!response.succeeded()) throw std::runtime_error("conflict");
    return response.header().revision();
  }

  std::int64_t grant(std::int64_t seconds) override {
    pb::LeaseGrantRequest request;
    request.set_ttl(seconds);
    pb::LeaseGrantResponse response;
    grpc::ClientContext context;
    must(leases_->LeaseGrant(&context, request, &response));
    return response.id();
  }

  void keep_alive(std::int64_t lease) override {
    pb::LeaseKeepAliveRequest request;
    request.set_id(lease);
    pb::LeaseKeepAliveResponse response;
    if (!renewals_->Write(request) || !renewals_->Read(&response) || response.ttl() <= 0)
      throw std::runtime_error("not renewed");
  }

 private:
  static void must(const grpc::Status& status) {
    if (!status.ok()) throw std::runtime_error(status.error_message());
  }

  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<pb::KV::Stub> keys_;
  std::unique_ptr<pb::Lease::Stub> leases_;
  grpc::ClientContext renewals_context_;
  std::unique_ptr<grpc::ClientReaderWriter<pb::LeaseKeepAliveRequest, pb::LeaseKeepAliveResponse>> renewals_;
};

}  // namespace

std::unique_ptr<Calls> grpc_calls(std::uint16_t port) { return std::make_unique<GrpcCalls>(port); }

}  // namespace holdfast::bench
