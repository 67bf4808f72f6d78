#include "wire/kafka/client_properties.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "wire/kafka/jaas.h"
#include "wire/kafka/property_table.h"
#include "wire/kafka/tls_stores.h"

namespace millrace::kafka {

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  return out;
}

class Translation {
 public:
  Translation(JavaSettings settings, ClientRole role, Problems& problems)
      : settings_(std::move(settings)), role_(role), problems_(problems) {}

  Properties run() {
    for (const auto& [name, given] : settings_)
      translate(name, given);
    add_tls_stores(settings_, out_, problems_);
    return std::move(out_);
  }

 private:
  void translate(const std::string& name, const JavaSetting& given) {
    const PropertyRow* row = find_property(name);
    if (row == nullptr) return warn(given, "is ignored: only a Java client has it");
    if (row->producer_only && role_ != ClientRole::kProducer) return;
    const std::string& value = given.value;
    switch (row->rule) {
      case PropertyRule::kSame:
        return put(*row, value);
      case PropertyRule::kLowerCase:
        return put(*row, lower(value));
      case PropertyRule::kEmptyIsNone:
        return put(*row, value.empty() ? "none" : lower(value));
      case PropertyRule::kNumber:
        return put_number(*row, given, 1);
      case PropertyRule::kKibibytes:
        return put_number(*row, given, 1024);
      case PropertyRule::kLevel:
        return put_level(*row, given);
      case PropertyRule::kAcks:
        return check_acks(given);
      case PropertyRule::kLogin:
        return put_login(given);
      case PropertyRule::kStore:
        return;
      case PropertyRule::kIgnored:
        return warn(given, fmt::format("is ignored: {}", row->why));
    }
  }

  void put(const PropertyRow& row, std::string value) {
    out_[std::string(row.rdkafka)] = std::move(value);
  }

  void put_number(const PropertyRow& row, const JavaSetting& given, int64_t unit) {
    int64_t number = 0;
    if (const std::string wrong = set_value(number, given.value); !wrong.empty()) {
      return error(given, wrong, "give a whole number");
    }
    const int64_t scaled = number <= 0 ? number : (number - 1) / unit + 1;
    put(row, std::to_string(std::clamp(scaled, row.min, row.max)));
  }

  void put_level(const PropertyRow& row, const JavaSetting& given) {
    const auto type = settings_.find("compression.type");
    if (type == settings_.end() ||
        row.java != "compression." + lower(type->second.value) + ".level")
      return;
    put_number(row, given, 1);
  }

  void check_acks(const JavaSetting& given) {
    if (given.value == "all" || given.value == "-1") return;
    warn(given, "is ignored: only what all in-sync replicas have is confirmed, so acks is all");
  }

  void put_login(const JavaSetting& given) {
    auto login = parse_jaas(given.value);
    if (!login) return error(given, login.error().message, login.error().cure);
    auto& options = login->options;
    if (login->module == "Krb5LoginModule") {
      if (options.contains("principal")) out_["sasl.kerberos.principal"] = options["principal"];
      if (options.contains("keyTab")) out_["sasl.kerberos.keytab"] = options["keyTab"];
      if (options.contains("serviceName"))
        out_["sasl.kerberos.service.name"] = options["serviceName"];
      return;
    }
    if (login->module != "PlainLoginModule" && login->module != "ScramLoginModule") {
      return error(given, "names the login module " + login->module + ", which is not supported",
                   "use PlainLoginModule, ScramLoginModule or Krb5LoginModule");
    }
    out_["sasl.username"] = options["username"];
    out_["sasl.password"] = options["password"];
  }

  void warn(const JavaSetting& given, std::string message) {
    problems_.push_back(
        {Problem::Severity::kWarning, given.key, given.origin, std::move(message), ""});
  }

  void error(const JavaSetting& given, std::string message, std::string cure) {
    problems_.push_back(
        {Problem::Severity::kError, given.key, given.origin, std::move(message), std::move(cure)});
  }

  const JavaSettings settings_;
  const ClientRole role_;
  Problems& problems_;
  Properties out_;
};

std::string_view prefix_of(ClientRole role) {
  return role == ClientRole::kProducer ? "producer." : "consumer.";
}

// What counts of one name: bare settings only when the table has them, for there are others beside
// them (a connector's own); prefixed ones all.
JavaSettings effective(const Settings& settings, ClientRole role, std::string_view key_prefix) {
  JavaSettings out;
  const auto take = [&](std::string_view prefix, const auto& entry) {
    const auto& [name, setting] = entry;
    out[name] = {fmt::format("{}{}{}", key_prefix, prefix, name), setting.origin, setting.value};
  };
  for (const auto& entry : settings) {
    if (find_property(entry.first) != nullptr) take("", entry);
  }
  const std::string prefix(prefix_of(role));
  for (const auto& entry : settings.below(prefix)) {
    if (!entry.first.starts_with("override.")) take(prefix, entry);
  }
  for (const auto& entry : settings.below(prefix + "override."))
    take(prefix + "override.", entry);
  return out;
}

}  // namespace

Properties client_properties(const Settings& settings, ClientRole role, std::string_view key_prefix,
                             Problems& problems) {
  return Translation(effective(settings, role, key_prefix), role, problems).run();
}

std::span<const std::string_view> client_property_names() {
  static const std::vector<std::string_view> kNames = [] {
    std::vector<std::string_view> out{"producer.*", "consumer.*"};
    for (const PropertyRow& row : property_table())
      out.push_back(row.java);
    return out;
  }();
  return kNames;
}

Problem client_problem(const Settings& settings, ClientRole role, std::string_view key_prefix,
                       Problem problem) {
  const std::string name = std::exchange(problem.key, fmt::format("{}{}", key_prefix, problem.key));
  const std::string prefix(prefix_of(role));
  for (const std::string& before : {std::string(), prefix, prefix + "override."}) {
    const std::string key = fmt::format("{}{}", before, name);
    const Setting* given = settings.find(key);
    if (given == nullptr) continue;
    problem.key = fmt::format("{}{}", key_prefix, key);
    problem.origin = given->origin;
  }
  return problem;
}

int64_t number_of(const Properties& properties, std::string_view name, int64_t otherwise) {
  const auto told = properties.find(name);
  if (told != properties.end()) static_cast<void>(set_value(otherwise, told->second));
  return otherwise;
}

}  // namespace millrace::kafka
