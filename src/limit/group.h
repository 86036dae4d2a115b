// Streams (and other groups) that share a limit. Arithmetic and queues only: whoever owns the loop
// derives from this class, calls serve() when arm() said so, and everything else follows.
//
//          link 100 MB/s                   a group may have one parent; tokens are taken from
//          /           \                   the group and from all above it
//     site A (w 2)    site B (w 1)         w: weight among its siblings, for what none of them
//      /     \            \                   is assured of
//   alice    bob         carol             each is a group of streams again
//
// Safe from every thread: every public call takes the lock of the tree (tree_lock.h). A group must
// not be used by others while it is made or destroyed; its members may.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "limit/lane.h"
#include "limit/token_bucket_cfg.h"
#include "limit/tree_lock.h"
#include "sys/memory.h"

namespace ev {

class Throttle;

class RateGroup : public Allocated {
 public:
  static constexpr std::uint64_t default_min_share = 64;
  static constexpr unsigned max_depth = 32;

  RateGroup(const TokenBucketCfg& cfg, TimePoint now);
  RateGroup(const RateGroup&) = delete;
  RateGroup& operator=(const RateGroup&) = delete;

  // Settings take effect on the running group; buckets are clipped to a new burst, not refilled.
  void set_cfg(const TokenBucketCfg& cfg, TimePoint now);
  // Nobody gets less than this at a time while there are too few tokens for all; 0: no such rule.
  // Capped to what the group gets in a tick. False above EV_RATE_LIMIT_MAX.
  bool set_min_share(std::size_t bytes);
  // Null: becomes a root. False, and nothing changed: the parent is this group or below it, or the
  // tree became too deep.
  bool set_parent(RateGroup* parent, TimePoint now);
  // Among the siblings, at least 1.
  bool set_weight(std::uint32_t weight);
  // See Lane::set_assured. False if the rate is not valid.
  bool set_assured(Direction direction, const std::optional<Rate>& rate, TimePoint now);

  std::int64_t limit(Direction direction, TimePoint now);  // bytes in the bucket; may be negative
  void decrement(Direction direction, std::int64_t bytes, TimePoint now);
  std::uint64_t total(Direction direction);
  void reset_totals();
  LimitStats stats(Direction direction, TimePoint now);
  std::size_t size();  // members, without those of child groups
  RateGroup* parent();

  // Of a root: hands out what has come since and resumes the streams that got some of it.
  void serve(TimePoint now);
  // When the root wants serve() to be called; empty while nobody waits.
  std::optional<TimePoint> next_service();

 protected:
  // Members leave, their waits end, child groups become roots. A derived class that implements
  // arm() calls close() first in its own destructor.
  ~RateGroup();
  void close(TimePoint now);

 private:
  friend class Throttle;

  // Of a root: serve() is to be called at `when` (TimePoint::min(): at once) instead of any earlier
  // answer; empty: not at all. Called with the tree's lock held, from any thread: start or stop a
  // timer and return.
  virtual void arm(std::optional<TimePoint> when) = 0;

  Lane& lane(Direction direction) { return lanes_[index_of(direction)]; }
  RateGroup& root();
  void rearm();
  void add_member(Throttle& member);
  enum class Farewell { resume, silent };  // silent: the stream is being destroyed
  void remove_member(Throttle& member, Farewell farewell, TimePoint now);
  void apply_min_share();
  unsigned height() const;
  unsigned depth() const;
  bool is_under(const RateGroup& other) const;
  std::optional<TimePoint> due() const;
  void release_waiters(TimePoint now);
  void take_key(const TreeKey& key);
  void link(RateGroup& parent);
  void unlink();

  TreeKey key_;
  CfgRef cfg_;
  Lane lanes_[2];
  std::uint64_t min_share_ = default_min_share;
  std::uint32_t weight_ = 1;
  std::size_t size_ = 0;
  std::optional<TimePoint> armed_;  // of a root: what arm() was told last

  Throttle* first_member_ = nullptr;
  RateGroup* parent_ = nullptr;
  RateGroup* first_child_ = nullptr;
  RateGroup* next_sibling_ = nullptr;
  RateGroup* previous_sibling_ = nullptr;
};

}  // namespace ev
