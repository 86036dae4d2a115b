#include "common/options.h"

#include <cstdio>
#include <cstdlib>

namespace bench {

Options::Options(int argc, char** argv) {
  for (int i = 1; i < argc; i += 2) {
    const std::string name = argv[i];
    if (!name.starts_with("--") || i + 1 == argc) {
      std::fprintf(stderr, "usage: %s [--name value]...\n", argv[0]);
      std::exit(2);
    }
    values_[name.substr(2)] = argv[i + 1];
  }
}

double Options::number(const std::string& name, double fallback) const {
  const auto found = values_.find(name);
  return found == values_.end() ? fallback : std::stod(found->second);
}

std::string Options::text(const std::string& name, const std::string& fallback) const {
  const auto found = values_.find(name);
  return found == values_.end() ? fallback : found->second;
}

}  // namespace bench
