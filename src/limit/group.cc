#include "limit/group.h"

#include <algorithm>
#include <utility>

#include "limit/throttle.h"

namespace ev {

RateGroup::RateGroup(const TokenBucketCfg& cfg, TimePoint now)
    : key_(TreeKey::next()),
      cfg_(&cfg),
      lanes_{Lane(cfg.pacing(Direction::read), now), Lane(cfg.pacing(Direction::write), now)} {
  apply_min_share();
}

RateGroup::~RateGroup() { close(TimePoint{}); }

void RateGroup::close(TimePoint now) {
  TreeGuard guard(key_);
  armed_.reset();
  while (first_member_ != nullptr) remove_member(*first_member_, Farewell::resume, now);
  while (first_child_ != nullptr) {
    RateGroup& child = *first_child_;
    child.release_waiters(now);
    child.unlink();
  }
  if (parent_ == nullptr) return;
  RateGroup& old_root = root();
  unlink();
  old_root.rearm();
}

void RateGroup::set_cfg(const TokenBucketCfg& cfg, TimePoint now) {
  TreeGuard guard(key_);
  const CfgRef old = std::exchange(cfg_, CfgRef(&cfg));  // which the buckets still use
  for (const Direction direction : both_directions) {
    lane(direction).reconfigure(cfg.pacing(direction), now);
  }
  apply_min_share();
  root().rearm();
}

bool RateGroup::set_min_share(std::size_t bytes) {
  if (bytes > max_tokens) return false;
  TreeGuard guard(key_);
  min_share_ = bytes;
  apply_min_share();
  return true;
}

void RateGroup::apply_min_share() {
  const std::uint64_t cap =
      std::min(cfg_->limit(Direction::read).rate.bytes, cfg_->limit(Direction::write).rate.bytes);
  for (Lane& lane : lanes_) lane.set_min_share(std::min(min_share_, cap));
}

bool RateGroup::set_weight(std::uint32_t weight) {
  if (weight == 0) return false;
  TreeGuard guard(key_);
  weight_ = weight;
  if (parent_ == nullptr) return true;
  for (const Direction direction : both_directions) {
    parent_->lane(direction).reweigh(lane(direction), weight);
  }
  return true;
}

bool RateGroup::set_assured(Direction direction, const std::optional<Rate>& rate, TimePoint now) {
  if (rate && !Limit{*rate, rate->bytes}.valid()) return false;
  TreeGuard guard(key_);
  lane(direction).set_assured(rate, now);
  RateGroup& top = root();
  top.lane(direction).dispatch(now);
  top.rearm();
  return true;
}

RateGroup& RateGroup::root() {
  RateGroup* group = this;
  while (group->parent_ != nullptr) group = group->parent_;
  return *group;
}

RateGroup* RateGroup::parent() {
  TreeGuard guard(key_);
  return parent_;
}

unsigned RateGroup::depth() const {
  unsigned depth = 0;
  for (const RateGroup* group = this; group != nullptr; group = group->parent_) ++depth;
  return depth;
}

unsigned RateGroup::height() const {
  unsigned highest = 0;
  for (const RateGroup* child = first_child_; child != nullptr; child = child->next_sibling_) {
    highest = std::max(highest, child->height());
  }
  return highest + 1;
}

bool RateGroup::is_under(const RateGroup& other) const {
  for (const RateGroup* group = this; group != nullptr; group = group->parent_) {
    if (group == &other) return true;
  }
  return false;
}

bool RateGroup::set_parent(RateGroup* parent, TimePoint now) {
  TreeGuard guard(key_, parent != nullptr ? parent->key_ : key_);
  if (parent == parent_) return true;
  if (parent != nullptr) {
    if (parent->is_under(*this) || parent->depth() + height() > max_depth) return false;
  }
  // Nobody moves to the other tree while it waits; whoever waited asks again there.
  release_waiters(now);
  RateGroup& old_root = root();
  old_root.rearm();
  if (parent_ != nullptr) unlink();
  if (parent == nullptr) return true;
  link(*parent);
  take_key(parent->key_);
  return true;
}

void RateGroup::link(RateGroup& parent) {
  parent_ = &parent;
  next_sibling_ = parent.first_child_;
  if (next_sibling_ != nullptr) next_sibling_->previous_sibling_ = this;
  parent.first_child_ = this;
  for (const Direction direction : both_directions) {
    parent.lane(direction).adopt(lane(direction), weight_);
  }
}

void RateGroup::unlink() {
  for (const Direction direction : both_directions) {
    parent_->lane(direction).dismiss(lane(direction));
  }
  if (next_sibling_ != nullptr) next_sibling_->previous_sibling_ = previous_sibling_;
  if (previous_sibling_ != nullptr) {
    previous_sibling_->next_sibling_ = next_sibling_;
  } else {
    parent_->first_child_ = next_sibling_;
  }
  parent_ = next_sibling_ = previous_sibling_ = nullptr;
}

void RateGroup::take_key(const TreeKey& key) {
  key_ = key;
  for (Throttle* member = first_member_; member != nullptr; member = member->next_member_) {
    member->key_ = key;
  }
  for (RateGroup* child = first_child_; child != nullptr; child = child->next_sibling_) {
    child->take_key(key);
  }
}

void RateGroup::release_waiters(TimePoint now) {
  for (Throttle* member = first_member_; member != nullptr; member = member->next_member_) {
    for (const Direction direction : both_directions) {
      Seat& seat = member->side(direction).seat;
      const bool pending = seat.pending();
      lane(direction).cancel(seat, now);
      if (pending) seat.stream().resume(direction);
    }
  }
  for (RateGroup* child = first_child_; child != nullptr; child = child->next_sibling_) {
    child->release_waiters(now);
  }
}

void RateGroup::add_member(Throttle& member) {
  member.next_member_ = first_member_;
  if (first_member_ != nullptr) first_member_->previous_member_ = &member;
  first_member_ = &member;
  ++size_;
  for (const Direction direction : both_directions) {
    lane(direction).adopt(member.side(direction).seat, member.weight_);
  }
}

void RateGroup::remove_member(Throttle& member, Farewell farewell, TimePoint now) {
  for (const Direction direction : both_directions) {
    Seat& seat = member.side(direction).seat;
    const bool pending = seat.pending();
    lane(direction).cancel(seat, now);
    lane(direction).dismiss(seat);
    if (pending && farewell == Farewell::resume) seat.stream().resume(direction);
  }
  if (member.next_member_ != nullptr) {
    member.next_member_->previous_member_ = member.previous_member_;
  }
  if (member.previous_member_ != nullptr) {
    member.previous_member_->next_member_ = member.next_member_;
  } else {
    first_member_ = member.next_member_;
  }
  member.next_member_ = member.previous_member_ = nullptr;
  --size_;
  // Last: from here on the member may be destroyed by a thread that does not take our lock.
  member.group_.store(nullptr, std::memory_order_release);
}

std::size_t RateGroup::size() {
  TreeGuard guard(key_);
  return size_;
}

std::int64_t RateGroup::limit(Direction direction, TimePoint now) {
  TreeGuard guard(key_);
  return lane(direction).reported(now);
}

void RateGroup::decrement(Direction direction, std::int64_t bytes, TimePoint now) {
  TreeGuard guard(key_);
  lane(direction).adjust(-std::max(bytes, -static_cast<std::int64_t>(max_tokens)), now);
  root().rearm();
}

std::uint64_t RateGroup::total(Direction direction) {
  TreeGuard guard(key_);
  return lane(direction).total();
}

void RateGroup::reset_totals() {
  TreeGuard guard(key_);
  for (Lane& lane : lanes_) lane.reset_total();
}

LimitStats RateGroup::stats(Direction direction, TimePoint now) {
  TreeGuard guard(key_);
  return lane(direction).stats(now);
}

std::optional<TimePoint> RateGroup::due() const {
  std::optional<TimePoint> first;
  for (const Lane& lane : lanes_) {
    const std::optional<TimePoint> next = lane.next_service();
    if (next && (!first || *next < *first)) first = next;
  }
  return first;
}

std::optional<TimePoint> RateGroup::next_service() {
  TreeGuard guard(key_);
  return due();
}

// A timer that is too early does no harm: it is left to fire, so that the common case sets a timer
// once per service.
void RateGroup::rearm() {
  const std::optional<TimePoint> next = due();
  if (next ? armed_ && *armed_ <= *next : !armed_) return;
  armed_ = next;
  arm(next);
}

void RateGroup::serve(TimePoint now) {
  TreeGuard guard(key_);
  armed_.reset();
  if (parent_ != nullptr) return;
  for (Lane& lane : lanes_) {
    lane.serve(now);
    while (Seat* seat = lane.take_woken()) seat->stream().resume(seat->direction());
  }
  rearm();
}

}  // namespace ev
