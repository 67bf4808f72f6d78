#include "config/settings.h"

#include <utility>

namespace millrace {

const Setting* Settings::find(std::string_view key) const {
  auto it = values_.find(key);
  return it == values_.end() ? nullptr : &it->second;
}

void Settings::set(std::string key, std::string value, std::string origin, bool hidden) {
  values_.insert_or_assign(std::move(key), Setting{std::move(value), std::move(origin), hidden});
}

void Settings::erase(std::string_view key) {
  auto it = values_.find(key);
  if (it != values_.end()) values_.erase(it);
}

Settings Settings::below(std::string_view prefix) const {
  Settings out;
  for (auto it = values_.lower_bound(prefix); it != values_.end(); ++it) {
    if (!it->first.starts_with(prefix)) break;
    if (it->first.size() > prefix.size()) {
      out.values_.emplace(it->first.substr(prefix.size()), it->second);
    }
  }
  return out;
}

}  // namespace millrace
