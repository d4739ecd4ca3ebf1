#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace reconciler {

/// Durations counted by size, in buckets that its owner chooses. Not thread-safe: whoever counts holds a lock.
class SecondsHistogram {
 public:
  /// `bounds` are the upper ends in seconds, included and ascending: a constant, of which no copy is made.
  explicit SecondsHistogram(std::span<const double> bounds) : bounds_(bounds), counts_(bounds.size() + 1) {}

  void Count(std::chrono::duration<double> took) {
    std::size_t bucket = 0;
    while (bucket < bounds_.size() && took.count() > bounds_[bucket]) ++bucket;
    ++counts_[bucket];
    sum_ += took;
  }

  /// As MetricSample::buckets.
  std::vector<std::pair<double, std::uint64_t>> Cumulative() const {
    std::vector<std::pair<double, std::uint64_t>> buckets;
    std::uint64_t up_to = 0;
    for (std::size_t i = 0; i < bounds_.size(); ++i) buckets.emplace_back(bounds_[i], up_to += counts_[i]);
    buckets.emplace_back(0, up_to + counts_.back());
    return buckets;
  }
  double sum_seconds() const { return sum_.count(); }

 private:
  std::span<const double> bounds_;
  std::vector<std::uint64_t> counts_;  // Of each bucket alone; the last has no bound.
  std::chrono::duration<double> sum_{0};
};

}  // namespace reconciler
