// Command lines of the form "--name value", shared by the clients and the raw peers.
#pragma once

#include <map>
#include <string>

namespace bench {

class Options {
 public:
  Options(int argc, char** argv);

  double number(const std::string& name, double fallback) const;
  std::string text(const std::string& name, const std::string& fallback) const;

  template <class Integer>
  Integer integer(const std::string& name, double fallback) const {
    return static_cast<Integer>(number(name, fallback));
  }

 private:
  std::map<std::string, std::string> values_;
};

}  // namespace bench
