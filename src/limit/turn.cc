#include "limit/turn.h"

namespace ev {

void Ring::push_back(Turn& turn) {
  turn.ring_ = this;
  if (first_ == nullptr) {
    first_ = turn.next_ = turn.previous_ = &turn;
    return;
  }
  turn.next_ = first_;
  turn.previous_ = first_->previous_;
  turn.previous_->next_ = &turn;
  first_->previous_ = &turn;
}

void Ring::push_front(Turn& turn) {
  push_back(turn);
  first_ = &turn;
}

void Ring::bring_to_front(Turn& turn) {
  remove(turn);
  push_front(turn);
}

void Ring::remove(Turn& turn) {
  if (turn.next_ == &turn) {
    first_ = nullptr;
  } else {
    turn.previous_->next_ = turn.next_;
    turn.next_->previous_ = turn.previous_;
    if (first_ == &turn) first_ = turn.next_;
  }
  turn.ring_ = nullptr;
  turn.next_ = turn.previous_ = nullptr;
}

}  // namespace ev
