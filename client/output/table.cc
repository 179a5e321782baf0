#include "client/output/table.h"

#include <algorithm>

namespace atelier::client {
namespace {

// Columns on a terminal: characters, colour codes excepted.
size_t CellWidth(const std::string& cell) {
  size_t width = 0;
  bool in_code = false;
  for (const char c : cell) {
    if (c == '\x1b') {
      in_code = true;
    } else if (in_code) {
      in_code = c != 'm';
    } else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) {
      ++width;
    }
  }
  return width;
}

}  // namespace

Table::Table(std::vector<std::string> header) : rows_{std::move(header)} {}

void Table::Add(std::vector<std::string> cells) {
  rows_.push_back(std::move(cells));
}

void Table::Print(std::ostream& out) const {
  std::vector<size_t> widths(rows_.front().size());
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], CellWidth(row[i]));
    }
  }
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      out << row[i];
      if (i + 1 == row.size()) break;
      out << std::string(widths[i] - CellWidth(row[i]) + 2, ' ');
    }
    out << "\n";
  }
}

}  // namespace atelier::client
