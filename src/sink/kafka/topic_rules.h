// Connect's topic.creation.*: how topics that do not exist yet are created. Without
// topic.creation.default.replication.factor and .partitions the brokers create them
// (auto.create.topics.enable).
//
//   topic.creation.enable=true
//   topic.creation.default.replication.factor=3     -1: the cluster's default
//   topic.creation.default.partitions=6
//   topic.creation.default.cleanup.policy=compact   any other name is a setting of the topic
//   topic.creation.groups=big                       asked in this order, then `default`
//   topic.creation.big.include=shop\.public\.orders.*   list of regexes on the whole name
//   topic.creation.big.exclude=…
//   topic.creation.big.partitions=24                    what a group does not say, `default` says
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/field.h"
#include "config/settings.h"
#include "wire/kafka/topic_creation.h"

namespace millrace {

class TopicRules {
 public:
  static TopicRules parse(const Settings& settings, std::string_view key_prefix,
                          Problems& problems);

  // False: the brokers create topics, or nobody does.
  bool enabled() const { return !groups_.empty(); }

  // How to create it. enabled() is true.
  kafka::NewTopic topic(const std::string& name) const;

 private:
  struct Group {
    std::vector<std::string> include;
    std::vector<std::string> exclude;
    kafka::NewTopic shape;

    bool takes(const std::string& name) const;
  };

  static Group parse_group(const Settings& settings, const std::string& name,
                           const kafka::NewTopic& base, std::string_view key_prefix,
                           Problems& problems);

  std::vector<Group> groups_;  // the last takes every name
};

}  // namespace millrace
