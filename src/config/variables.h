// ${env:NAME}, ${file:/path:key} and ${dir:/path:file} in the values of settings: Kafka Connect's
// configuration providers EnvVar, File (a .properties file) and Directory. What they give is hidden
// from then on (I8).
#pragma once

#include "config/field.h"
#include "config/settings.h"

namespace millrace {

// Replaces the variables in all values. One that cannot be resolved is an error that names the key;
// its setting keeps the text that it had. Providers may have names of their own:
// config.providers.<name>.class.
void resolve_variables(Settings& settings, Problems& problems);

}  // namespace millrace
