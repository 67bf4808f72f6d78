#include "wire/kafka/tls_stores.h"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::kafka {

namespace {

enum class StoreForm { kPem, kPkcs12, kJks };

const JavaSetting* find(const JavaSettings& settings, std::string_view name) {
  const auto found = settings.find(name);
  return found == settings.end() || found->second.value.empty() ? nullptr : &found->second;
}

bool ends_with_any(std::string_view path, std::initializer_list<std::string_view> endings) {
  return std::ranges::any_of(endings, [&](std::string_view ending) {
    return path.size() >= ending.size() &&
           same_name(path.substr(path.size() - ending.size()), ending);
  });
}

// By the type given, else by the file's name; what is left is Java's default.
StoreForm form_of(const JavaSetting* type, std::string_view path) {
  if (type != nullptr) {
    if (same_name(type->value, "PEM")) return StoreForm::kPem;
    return same_name(type->value, "PKCS12") ? StoreForm::kPkcs12 : StoreForm::kJks;
  }
  if (ends_with_any(path, {".pem", ".crt", ".cer"})) return StoreForm::kPem;
  return ends_with_any(path, {".p12", ".pfx"}) ? StoreForm::kPkcs12 : StoreForm::kJks;
}

void refuse(const JavaSetting& given, std::string what, std::string cure, Problems& problems) {
  problems.push_back(
      {Problem::Severity::kError, given.key, given.origin, std::move(what), std::move(cure)});
}

void add_truststore(const JavaSettings& settings, Properties& out, Problems& problems) {
  const JavaSetting* location = find(settings, "ssl.truststore.location");
  if (location == nullptr) return;
  const std::string& path = location->value;
  switch (form_of(find(settings, "ssl.truststore.type"), path)) {
    case StoreForm::kPem:
      out["ssl.ca.location"] = path;
      return;
    case StoreForm::kPkcs12:
      return refuse(
          *location, "is a PKCS#12 truststore; certificates of authorities are read from PEM",
          fmt::format(
              "openssl pkcs12 -in {} -nokeys -out ca.pem, then ssl.truststore.location=ca.pem "
              "and ssl.truststore.type=PEM",
              path),
          problems);
    case StoreForm::kJks:
      return refuse(
          *location, "is a Java keystore; certificates of authorities are read from PEM",
          fmt::format(
              "keytool -list -rfc -keystore {} > ca.pem, then ssl.truststore.location=ca.pem "
              "and ssl.truststore.type=PEM",
              path),
          problems);
  }
}

void add_keystore(const JavaSettings& settings, Properties& out, Problems& problems) {
  const JavaSetting* location = find(settings, "ssl.keystore.location");
  if (location == nullptr) return;
  const std::string& path = location->value;
  switch (form_of(find(settings, "ssl.keystore.type"), path)) {
    case StoreForm::kPem:
      out["ssl.certificate.location"] = path;
      out["ssl.key.location"] = path;
      return;
    case StoreForm::kPkcs12:
      out["ssl.keystore.location"] = path;
      if (const auto* password = find(settings, "ssl.keystore.password")) {
        out["ssl.keystore.password"] = password->value;
      }
      return;
    case StoreForm::kJks:
      return refuse(*location,
                    "is a Java keystore; the client's certificate is read from PKCS#12 or PEM",
                    fmt::format("keytool -importkeystore -srckeystore {} -destkeystore client.p12 "
                                "-deststoretype PKCS12, then ssl.keystore.location=client.p12 and "
                                "ssl.keystore.type=PKCS12",
                                path),
                    problems);
  }
}

}  // namespace

void add_tls_stores(const JavaSettings& settings, Properties& out, Problems& problems) {
  add_truststore(settings, out, problems);
  add_keystore(settings, out, problems);
  constexpr std::pair<std::string_view, std::string_view> kInline[] = {
      {"ssl.truststore.certificates", "ssl.ca.pem"},
      {"ssl.keystore.certificate.chain", "ssl.certificate.pem"},
      {"ssl.keystore.key", "ssl.key.pem"},
  };
  for (const auto& [java, rdkafka] : kInline) {
    if (const JavaSetting* pem = find(settings, java)) out[std::string(rdkafka)] = pem->value;
  }
}

}  // namespace millrace::kafka
