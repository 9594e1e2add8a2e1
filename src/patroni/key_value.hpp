// One entry of the consensus store as etcd v3 has it. https://etcd.io/docs/v3.4/learning/data_model/
#pragma once

#include <cstdint>
#include <string>

namespace holdfast::patroni {

struct KeyValue {
  std::string key;
  std::string value;
  std::int64_t create_revision = 0;
  std::int64_t mod_revision = 0;
  std::int64_t lease = 0;  // 0: none
};

}  // namespace holdfast::patroni
