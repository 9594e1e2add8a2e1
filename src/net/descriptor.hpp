// Waiting for a file descriptor that somebody else owns: libpq's socket, a pidfd, a pipe.
#pragma once

#include <memory>

#include "base/task.hpp"
#include "net/runtime.hpp"

namespace holdfast::net {

// Watches `fd` without owning it. Destroy it before the descriptor is closed, because the kernel gives the
// number to another file. Both waits may be used at once; destroying their task stops that wait alone.
class Descriptor {
 public:
  Descriptor(Runtime& runtime, int fd);
  ~Descriptor();
  Descriptor(Descriptor&&) noexcept;
  Descriptor& operator=(Descriptor&&) noexcept;

  // Return when reading (writing) would not block, which includes end of file and errors.
  base::Task<void> readable();
  base::Task<void> writable();

 private:
  struct Watched;
  Runtime* runtime_;
  std::shared_ptr<Watched> watched_;
};

}  // namespace holdfast::net
