// Rows in aligned columns.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace atelier::client {

class Table {
 public:
  explicit Table(std::vector<std::string> header);

  // As many cells as the header has. Cells are printed as they are, so text of
  // others goes through Printable first.
  void Add(std::vector<std::string> cells);

  // Columns two spaces apart; colour codes take no room. The last column is
  // not padded.
  void Print(std::ostream& out) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace atelier::client
