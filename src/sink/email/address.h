// E-mail addresses as this sink takes them: ASCII dot-atoms ("bob.miller+shop@example.com"), and
// mailboxes with a display name ("Our shop <shop@example.com>") in settings. Quoted local parts and
// internationalised addresses (SMTPUTF8) are refused.
#pragma once

#include <string>
#include <string_view>

namespace millrace {

struct Mailbox {
  std::string name;     // display name in UTF-8; may be empty
  std::string address;  // local@domain, the domain in lower case

  std::string_view domain() const {
    return std::string_view(address).substr(address.rfind('@') + 1);
  }
};

// "" or what is wrong, without the address itself. `normalised` gets the address with its domain in
// lower case.
std::string parse_address(std::string_view text, std::string& normalised);

// "address" or "name <address>".
std::string parse_mailbox(std::string_view text, Mailbox& mailbox);

}  // namespace millrace
