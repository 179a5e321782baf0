// What is printed for the report, and how it is counted.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace atelier::bench {

class Watch {
 public:
  double Seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                         begin_)
        .count();
  }

 private:
  std::chrono::steady_clock::time_point begin_ =
      std::chrono::steady_clock::now();
};

// The value below which this share of them lies; 0 of none.
double Quantile(std::vector<double> values, double share);

// A JSON line with `type` load.
void Print(const std::string& key, const std::string& what, double value,
           const std::string& unit);

// `key`_p50_ms and `key`_p99_ms, of seconds.
void PrintLatencies(const std::string& key, const std::string& what,
                    const std::vector<double>& seconds);

}  // namespace atelier::bench
