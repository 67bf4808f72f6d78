#include "command/command.h"

int main(int argc, char** argv) {
  return millrace::command_line(argc, argv);
}
