#include "sim/peers.hpp"

#include "sim/reply.hpp"

namespace holdfast::sim {

base::Task<base::Result<ports::PeerStatus>> Peers::status(std::string api_url, base::Instant deadline) {
  using Answer = base::Result<ports::PeerStatus>;
  auto* there = site_.find(api_url);
  if (there == nullptr) co_return base::fail(base::ErrorKind::invalid, "no host {}", api_url);
  auto reply = std::make_shared<Reply<Answer>>(loop_);
  auto& network = site_.physics.network;
  network.send(
      host_.place, there->place, [there, here = host_.place, &network, waiting = std::weak_ptr(reply)] {
        if (!there->powered) return;
        const auto respond = [there, here, &network, waiting] {
          Answer answer = base::fail(base::ErrorKind::unreachable, "{} refuses connections", there->name);
          if (there->rest_api) answer = there->rest_api();
          network.send(there->place, here, [waiting, answer] {
            if (const auto caller = waiting.lock()) caller->set(answer);
          });
        };
        // The kernel refuses for a process that is not there; one that is frozen answers when it is thawed.
        there->rest_api ? there->agent_gate.run(respond) : respond();
      });
  auto answer = co_await Reply<Answer>::wait(std::move(reply), deadline);
  if (!answer) co_return base::fail(base::ErrorKind::timed_out, "{} does not answer", api_url);
  co_return std::move(*answer);
}

base::Task<bool> Peers::answers(std::string api_url, base::Instant deadline) {
  if (site_.find(api_url) == &host_) co_return false;  // only ourselves
  const auto answer = co_await status(std::move(api_url), deadline);
  co_return answer.has_value();
}

base::Task<base::Result<ports::FailsafeReply>> Peers::confirm_leader(std::string api_url,
                                                                     ha::FailsafeRequest request,
                                                                     base::Instant deadline) {
  using Answer = base::Result<ports::FailsafeReply>;
  auto* there = site_.find(api_url);
  if (there == nullptr) co_return base::fail(base::ErrorKind::invalid, "no host {}", api_url);
  auto reply = std::make_shared<Reply<Answer>>(loop_);
  auto& network = site_.physics.network;
  network.send(host_.place, there->place,
               [there, here = host_.place, &network, waiting = std::weak_ptr(reply), request] {
                 if (!there->powered) return;
                 const auto respond = [there, here, &network, waiting](Answer answer) {
                   network.send(there->place, here, [waiting, answer = std::move(answer)] {
                     if (const auto caller = waiting.lock()) caller->set(answer);
                   });
                 };
                 if (there->failsafe_api)
                   there->agent_gate.run([there, request, respond] {
                     if (there->failsafe_api) there->failsafe_api(request, respond);
                   });
                 else
                   respond(base::fail(base::ErrorKind::unreachable, "{} refuses connections", there->name));
               });
  auto answer = co_await Reply<Answer>::wait(std::move(reply), deadline);
  if (!answer) co_return base::fail(base::ErrorKind::timed_out, "{} does not answer", api_url);
  co_return std::move(*answer);
}

}  // namespace holdfast::sim
