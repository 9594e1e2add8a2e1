// The CLI as a function: main gives it a world, it gives back an exit status.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/command.hpp"
#include "patroni/environment.hpp"

namespace holdfast::ctl {

struct World {
  Face face = Face::holdfast;
  net::Runtime& runtime;
  Terminal& terminal;
  patroni::Environment environment;
  Outside outside;
  std::function<base::Result<std::unique_ptr<ports::Dcs>>(const patroni::EtcdConfig&)> make_dcs;
  std::function<base::Result<std::unique_ptr<net::HttpClient>>(const patroni::CtlConfig&)> make_http;
};

// Whether a word after the program's name is one of our commands.
bool is_command(std::string_view word);

// `arguments` without the program's name. Returns an Exit as a number.
int run(const std::vector<std::string>& arguments, World& world);

}  // namespace holdfast::ctl
