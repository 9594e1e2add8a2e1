// Where a cluster's entries are in etcd: /service/<scope>/... , as Patroni has them.
#pragma once

#include <string>
#include <string_view>

namespace holdfast::patroni {

// "service", "/service", "//service/": all "/service/"; empty is "/".
std::string normalize_namespace(std::string_view text);

class Keys {
 public:
  Keys(std::string_view dcs_namespace, std::string_view scope);

  const std::string& prefix() const { return prefix_; }  // "/service/batman/": all entries are below it
  std::string leader() const { return prefix_ + "leader"; }
  std::string initialize() const { return prefix_ + "initialize"; }
  std::string config() const { return prefix_ + "config"; }
  std::string sync() const { return prefix_ + "sync"; }
  std::string failover() const { return prefix_ + "failover"; }
  std::string status() const { return prefix_ + "status"; }
  std::string history() const { return prefix_ + "history"; }
  std::string failsafe() const { return prefix_ + "failsafe"; }
  std::string members() const { return prefix_ + "members/"; }
  std::string member(std::string_view name) const { return members().append(name); }

  // The key without the prefix ("members/a"); empty when the key is not below it.
  std::string_view relative(std::string_view key) const;

 private:
  std::string prefix_;
};

}  // namespace holdfast::patroni
