#include <string>
#include <vector>

#include "client/command_table.h"

int main(int argc, char** argv) {
  atelier::client::Context context = atelier::client::ProcessContext();
  const std::vector<std::string> tokens(argv + 1, argv + argc);
  return atelier::client::RunClient(tokens, context);
}
