// Flat settings as a file, --set or the environment gave them: key → text and where it stood.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

struct Setting {
  std::string value;
  std::string origin;   // "pipeline.toml:12", "--set", "connector.json"; for error messages
  bool hidden = false;  // came out of a config provider (${env:…}): never shown
};

class Settings {
 public:
  const Setting* find(std::string_view key) const;
  // Replaces what was there.
  void set(std::string key, std::string value, std::string origin, bool hidden = false);
  void erase(std::string_view key);
  // All keys that start with `prefix`, without it.
  Settings below(std::string_view prefix) const;

  bool empty() const { return values_.empty(); }

  auto begin() const { return values_.begin(); }

  auto end() const { return values_.end(); }

 private:
  std::map<std::string, Setting, std::less<>> values_;
};

}  // namespace millrace
