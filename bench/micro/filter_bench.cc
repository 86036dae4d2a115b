// Question: what does a filter that changes nothing add to a write through a bufferevent pair?

#include <vector>

#include "micro/streams.h"

namespace bench {
namespace {

Stream null_filter(bufferevent* underlying) {
  return Stream(bufferevent_filter_new(underlying, nullptr, nullptr, 0, nullptr, nullptr));
}

// The writing end is filtered `layers` times over.
void filter_over_pair(benchmark::State& state) {
  const Base base = new_base();
  const auto ends = new_pair(base.get());
  std::vector<Stream> filters;
  bufferevent* top = ends[0].get();
  for (int i = 0; i < state.range(2); ++i) {
    filters.push_back(null_filter(top));
    top = filters.back().get();
  }
  std::uint64_t arrived = 0;
  enable(top, nullptr, nullptr);
  enable(ends[1].get(), count_and_discard, &arrived);
  run_turns(state, base.get(), top, arrived, Write::copied);
  while (!filters.empty()) filters.pop_back();
}

void shapes(benchmark::internal::Benchmark* benchmark) {
  for (const int layers : {0, 1, 2}) {
    for (const int size : {64, 4096, 65536}) benchmark->Args({size, 1, layers});
    benchmark->Args({64, 16, layers});
  }
}

BENCHMARK(filter_over_pair)->Apply(shapes);

}  // namespace
}  // namespace bench
