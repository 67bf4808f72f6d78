// Java's trust and key stores → librdkafka's files: it reads PEM, and PKCS#12 for the client's own
// certificate only.
#pragma once

#include <map>
#include <string>

#include "wire/kafka/client_properties.h"

namespace millrace::kafka {

struct JavaSetting {
  std::string key;  // as the user wrote it
  std::string origin;
  std::string value;
};

// By Java's own name.
using JavaSettings = std::map<std::string, JavaSetting, std::less<>>;

// A store of another form (JKS, which is Java's default) is a problem whose cure is the command
// that converts it.
void add_tls_stores(const JavaSettings& settings, Properties& out, Problems& problems);

}  // namespace millrace::kafka
