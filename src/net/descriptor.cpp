#include "net/descriptor.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/asio_task.hpp"

namespace holdfast::net {

namespace asio = boost::asio;

struct Descriptor::Watched {
  Watched(asio::io_context& io, int fd) : stream(io, fd) {}
  ~Watched() { let_go(); }
  void let_go() {
    if (stream.is_open()) stream.release();  // stops all waits; the descriptor stays open
  }

  static asio::awaitable<void> wait(std::shared_ptr<Watched> self,
                                    asio::posix::descriptor_base::wait_type what) {
    boost::system::error_code ignored;  // whatever it is, the owner's next read or write will tell
    co_await self->stream.async_wait(what, asio::redirect_error(asio::use_awaitable, ignored));
  }

  asio::posix::stream_descriptor stream;
};

Descriptor::Descriptor(Runtime& runtime, int fd)
    : runtime_(&runtime), watched_(std::make_shared<Watched>(runtime.io(), fd)) {}
Descriptor::~Descriptor() {
  if (watched_) watched_->let_go();
}
Descriptor::Descriptor(Descriptor&&) noexcept = default;
Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this == &other) return *this;
  if (watched_) watched_->let_go();
  runtime_ = other.runtime_;
  watched_ = std::move(other.watched_);
  return *this;
}

base::Task<void> Descriptor::readable() {
  return as_task(*runtime_, Watched::wait(watched_, asio::posix::descriptor_base::wait_read));
}
base::Task<void> Descriptor::writable() {
  return as_task(*runtime_, Watched::wait(watched_, asio::posix::descriptor_base::wait_write));
}

}  // namespace holdfast::net
