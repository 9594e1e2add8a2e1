#include <boost/json/value.hpp>

#include "agent/rest_api.hpp"
#include "patroni/dynamic_config.hpp"

namespace holdfast::agent {
namespace {

using namespace std::chrono_literals;

constexpr base::Duration kWriteTime = 3s;

}  // namespace

// Two at once: the later one finds another revision, and is told so.
base::Task<net::HttpResponse> RestApi::patch_config(const Request& request) {
  const auto patch = json_body(request, Body::required);
  if (!patch) co_return patch.error();
  auto& world = agent_.world();
  auto contents = co_await read_cluster();
  if (!contents || !contents->config) co_return error_answer(503);
  auto config = std::move(*contents->config);
  if (patroni::patch_config(config, *patch)) {
    const auto key = agent_.keys().config();
    ports::Transaction write{{ports::Compare::unchanged_since(key, contents->view.config_revision)},
                             {ports::Put{key, patroni::write_config(config)}}};
    const auto written = co_await world.dcs.commit(std::move(write), world.clock.now() + kWriteTime);
    if (!written) co_return error_answer(409);
  }
  agent_.wake();
  co_return json_answer(200, patroni::config_body(config));
}

base::Task<net::HttpResponse> RestApi::put_config(const Request& request) {
  const auto config = json_body(request, Body::required);
  if (!config) co_return config.error();
  auto& world = agent_.world();
  const auto contents = co_await read_cluster();
  if (!contents) co_return error_answer(502);
  if (!contents->config || *contents->config != *config) {
    ports::Transaction write{{}, {ports::Put{agent_.keys().config(), patroni::write_config(*config)}}};
    const auto written = co_await world.dcs.commit(std::move(write), world.clock.now() + kWriteTime);
    if (!written) co_return error_answer(502);
  }
  agent_.wake();
  co_return json_answer(200, patroni::config_body(*config));
}

base::Task<net::HttpResponse> RestApi::post_reload(const Request&) {
  agent_.request_reload();
  co_return text_answer(202, "reload scheduled");
}

// As Patroni does on everything but Windows: it says so, and does not.
base::Task<net::HttpResponse> RestApi::post_sigterm(const Request&) {
  co_return text_answer(202, "shutdown scheduled");
}

// For members of a Citus cluster, which no node of ours is.
base::Task<net::HttpResponse> RestApi::post_citus(const Request& request) {
  if (auto body = json_body(request, Body::required); !body) co_return std::move(body.error());
  co_return text_answer(200, "OK");
}

}  // namespace holdfast::agent
