// What one thread makes and another uses, handed over in a few blocks that are used again and again.
#pragma once
#include <array>
#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace solver {

template <class Block>
class BlockQueue {
 public:
  // For the thread that makes them: the next block to be filled, once there is one free; null where no more are wanted.
  Block *Free() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return stopped_ || filled_ - used_ < kBlocks; });
    return stopped_ ? nullptr : &blocks_[filled_ % kBlocks];
  }
  void HandOver() { Change([this] { filled_ += 1; }); }
  void End() { Change([this] { ended_ = true; }); }

  // For the thread that uses them: the oldest block, once there is one; null after the last.
  Block *Oldest() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return ended_ || used_ < filled_; });
    return used_ == filled_ ? nullptr : &blocks_[used_ % kBlocks];
  }
  void GiveBack() { Change([this] { used_ += 1; }); }
  void Stop() { Change([this] { stopped_ = true; }); }

 private:
  static constexpr size_t kBlocks = 4;

  template <class Action>
  void Change(Action action) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      action();
    }
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  // Counted from the first; guarded by mutex_, as are the two below.
  size_t used_ = 0, filled_ = 0;
  bool ended_ = false, stopped_ = false;
  std::array<Block, kBlocks> blocks_;
};

}  // namespace solver
