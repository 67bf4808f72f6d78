#include "tests/conformance/store.h"

#include <unistd.h>

namespace millrace::conformance {

namespace {

constexpr std::string_view kNames[] = {"file",  "stdout",     "duckdb_history", "duckdb_mirror",
                                       "kafka", "kafka_once", "email"};

std::string new_run_name() {
  static int number = 0;
  return "run" + std::to_string(::getpid()) + "x" + std::to_string(++number);
}

}  // namespace

Store::Store() : run_(new_run_name()) {}

std::span<const std::string_view> store_names() {
  return kNames;
}

std::unique_ptr<Store> make_store(std::string_view name) {
  if (name == "file") return make_file_store();
  if (name == "stdout") return make_stdout_store();
  if (name == "duckdb_history") return make_duckdb_store(false);
  if (name == "duckdb_mirror") return make_duckdb_store(true);
  if (name == "kafka") return make_kafka_store(false);
  if (name == "kafka_once") return make_kafka_store(true);
  if (name == "email") return make_email_store();
  return nullptr;
}

}  // namespace millrace::conformance
