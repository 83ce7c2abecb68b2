// SPDX-License-Identifier: Apache-2.0
// The N-API surface, declared in src/capture/native.ts. One reader thread; whole batches cross to JavaScript.
//
// Threads: constructor, start, requestSnapshot, counts, stop and finished() run on the JavaScript thread; read_loop()
// and what it calls run on the reader thread. The agent belongs to the reader thread from start() until it has ended;
// counts() and the search for older connections alone reach past it, which the core allows.
// End: stop() sets a flag → the reader detaches, reads the ring to its end, hands over the last batch, releases the
// thread-safe function → Node calls finished() on the JavaScript thread → join, close, call onEnd.
// End without stop(), when a worker of Node's is terminated: GoDown(), on the JavaScript thread, before Node takes the
// thread-safe function away → what there is is thrown away → join, close. No JavaScript runs any more.
#include <malloc.h>
#include <napi.h>
#include <string.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "names.h"
#include "notify.h"
#include "core.h"
#include "privileged_addon.h"

namespace {

constexpr int kCounts = SF_COUNT_MAX + 2;
constexpr size_t kBatchBytes = 256 * 1024;
// What JavaScript has not taken yet, and what it has taken in this turn of its event loop: so a turn ends, and timers,
// signals and answers get theirs, however much comes. More stays in the ring, which counts its losses.
constexpr size_t kBytesInATurn = 8 * kBatchBytes;
constexpr auto kPoll = std::chrono::milliseconds(25);
constexpr auto kWait = std::chrono::milliseconds(2);  // JavaScript is behind: look again soon

Napi::Error to_error(Napi::Env env, struct sf_error *error) {
  auto result = Napi::Error::New(env, std::string("cannot ") + error->what + ": " + strerror(error->number));
  result.Set("errno", Napi::Number::New(env, error->number));
  result.Set("step", Napi::String::New(env, error->what));
  if (error->log) result.Set("log", Napi::String::New(env, error->log));
  free(error->log);
  return result;
}

// As large as what is in it.
struct Batch {
  Batch(const char *from, size_t used) : bytes(std::make_unique_for_overwrite<char[]>(used)), used(used) {
    memcpy(bytes.get(), from, used);
  }
  std::unique_ptr<char[]> bytes;
  size_t used;
};

class Capture;
void deliver(Napi::Env env, Napi::Function callback, Capture *capture, Batch *batch);
using Deliveries = Napi::TypedThreadSafeFunction<Capture, Batch, deliver>;

class Capture : public Napi::ObjectWrap<Capture> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(
        env, "Capture",
        {InstanceMethod<&Capture::Start>("start"), InstanceMethod<&Capture::RequestSnapshot>("requestSnapshot"),
         InstanceMethod<&Capture::Counts>("counts"), InstanceMethod<&Capture::TurnEnded>("turnEnded"),
         InstanceMethod<&Capture::Stop>("stop")});
  }

  explicit Capture(const Napi::CallbackInfo &info) : Napi::ObjectWrap<Capture>(info) {
    auto options = info[0].As<Napi::Object>();
    struct sf_options native = {};
    native.ring_bytes = options.Get("ringBytes").As<Napi::Number>().Uint32Value();
    native.max_connections = options.Get("maxConnections").As<Napi::Number>().Uint32Value();
    auto flag = [&](const char *name) { return options.Get(name).As<Napi::Boolean>().Value(); };
    native.emit_open = flag("emitOpen");
    native.retransmits = flag("retransmits");
    native.resets = flag("resets");
    native.drops = flag("drops");
    native.listeners = flag("listeners");
    native.existing = flag("existing");
    native.details = flag("details");
    native.command_args = flag("commandArgs");
    native.dns = flag("dns");
    native.updates = flag("updates");
    native.idle_updates = flag("idleUpdates");
    native.tcp = flag("tcp");
    native.udp = flag("udp");
    native.max_flows = options.Get("maxFlows").As<Napi::Number>().Uint32Value();
    native.flow_idle_ns = options.Get("flowIdle").As<Napi::Number>().DoubleValue() * 1e6;
    native.only_netns = options.Get("onlyNetworkNamespace").As<Napi::Number>().Uint32Value();
    struct sf_error error = {};
    if (sf_open(&native, &agent_, &error)) throw to_error(info.Env(), &error);
    if (info[1].IsNumber()) sf_ask_of(agent_, info[1].As<Napi::Number>().Int32Value());
  }

  // The reader has ended: it keeps the object alive.
  ~Capture() override { sf_close(agent_); }

  // JavaScript thread. One ArrayBuffer for all batches: memory outside the heap that comes and goes costs the collector.
  void Deliver(Napi::Env env, Napi::Function callback, const Batch &batch) {
    taken_ += batch.used;
    if (buffer_.IsEmpty()) buffer_ = Napi::Persistent(Napi::ArrayBuffer::New(env, kBatchBytes));
    memcpy(buffer_.Value().Data(), batch.bytes.get(), batch.used);
    callback.Call({buffer_.Value(), Napi::Number::New(env, static_cast<double>(batch.used))});
  }

 private:
  Napi::Value Start(const Napi::CallbackInfo &info) {
    Napi::Env env = info.Env();
    struct sf_error error = {};
    if (sf_attach(agent_, &error)) {
      sf_close(agent_);
      agent_ = nullptr;
      throw to_error(env, &error);
    }
    on_end_ = Napi::Persistent(info[1].As<Napi::Function>());
    Ref();  // alive until finished()
    deliveries_ = Deliveries::New(env, info[0].As<Napi::Function>(), "sockflow", 0, 1, this,
                                  [](Napi::Env env, void *, Capture *self) { self->Finished(env); });
    void (*go_down)(Capture *) = [](Capture *self) { self->GoDown(); };
    hook_ = env.AddCleanupHook(go_down, this);
    reader_ = std::thread(&Capture::ReadLoop, this);
    // On this thread, while the reader makes room in the ring.
    if (int code = sf_find_existing(agent_)) existing_error_ = code;
    return Features(env);
  }

  Napi::Object Features(Napi::Env env) {
    struct sf_features features;
    sf_features(agent_, &features);
    auto result = Napi::Object::New(env);
    result.Set("wholeHost", Napi::Boolean::New(env, features.whole_host));
    result.Set("snapshot", Napi::Boolean::New(env, features.snapshot));
    result.Set("drops", Napi::Boolean::New(env, features.drops));
    result.Set("useCalls", Napi::Boolean::New(env, features.use_calls));
    result.Set("udp", Napi::Boolean::New(env, features.udp));
    result.Set("translation", Napi::Boolean::New(env, features.translation));
    result.Set("cgroupHooks", Napi::Boolean::New(env, features.cgroup_hooks));
    result.Set("dns", Napi::Boolean::New(env, features.dns));
    result.Set("existing", Napi::Boolean::New(env, existing_error_ == 0));
    return result;
  }

  void RequestSnapshot(const Napi::CallbackInfo &) {
    snapshot_wanted_ = true;
    Wake();
  }

  // The counters, and behind them the numbers of live connections and of live UDP conversations.
  Napi::Value Counts(const Napi::CallbackInfo &info) {
    ReadCounts();
    auto result = Napi::Float64Array::New(info.Env(), kCounts);
    for (int i = 0; i < kCounts; i++) result[i] = static_cast<double>(counts_[i]);
    return result;
  }

  void TurnEnded(const Napi::CallbackInfo &) {
    under_way_ -= taken_;
    taken_ = 0;
  }

  void ReadCounts() {
    if (!agent_) return;
    sf_counts(agent_, counts_);
    sf_live(agent_, &counts_[SF_COUNT_MAX]);
    sf_live_flows(agent_, &counts_[SF_COUNT_MAX + 1]);
  }

  // Idempotent. onEnd is called when the last batch was delivered; a capture that never started has none.
  void Stop(const Napi::CallbackInfo &) {
    stopping_ = true;
    if (reader_.joinable())
      Wake();
    else
      CloseAgent();
  }

  // Keeps the last counts: the summary line is written after the end.
  void CloseAgent() {
    if (!agent_) return;
    ReadCounts();
    sf_close(agent_);
    agent_ = nullptr;
  }

  void GoDown() {
    going_down_ = true;
    stopping_ = true;
    Wake();
    reader_.join();
    CloseAgent();
  }

  void Finished(Napi::Env env) {
    if (going_down_) return;
    hook_.Remove(env);
    Napi::HandleScope scope(env);
    buffer_.Reset();
    reader_.join();
    CloseAgent();
    Unref();
    on_end_.Call({});
  }

  void Wake() {
    std::lock_guard<std::mutex> lock(mutex_);
    woken_ = true;
    wake_.notify_one();
  }

  void Sleep(std::chrono::milliseconds time) {
    std::unique_lock<std::mutex> lock(mutex_);
    wake_.wait_for(lock, time, [this] { return woken_; });
    woken_ = false;
  }

  // Reader thread, as all below.
  void ReadLoop() {
    pthread_setname_np(pthread_self(), "sockflow-reader");
    std::unique_ptr<Batch> waiting;  // JavaScript had no room for it
    while (!stopping_) {
      if (snapshot_wanted_.exchange(false)) Snapshot(&waiting);
      bool behind = !Drain(&waiting);
      if (!behind) sf_collect(agent_);
      Sleep(behind ? kWait : kPoll);
    }
    uint32_t at = 0;
    while (sf_end_missed(agent_, &at) > 0)
      while (!Drain(&waiting)) Sleep(kWait);
    sf_detach(agent_);
    do {
      while (!Drain(&waiting)) Sleep(kWait);
    } while (sf_end_flows(agent_) > 0);
    while (!Drain(&waiting)) Sleep(kWait);
    sf_end_floods(agent_);
    while (!Drain(&waiting)) Sleep(kWait);
    deliveries_.Release();
  }

  // Between its parts the ring is read, so that there is room for all it has to say. When JavaScript is behind it waits.
  void Snapshot(std::unique_ptr<Batch> *waiting) {
    while (!stopping_ && sf_find_again(agent_) > 0) MakeRoom(waiting);
    uint32_t at = 0;
    while (!stopping_ && sf_snapshot(agent_, &at) > 0) MakeRoom(waiting);
  }

  void MakeRoom(std::unique_ptr<Batch> *waiting) {
    while (!Drain(waiting) && !stopping_) Sleep(kWait);
  }

  // Moves all there is in the ring to JavaScript. False: it has no room, `waiting` is to be handed over first.
  bool Drain(std::unique_ptr<Batch> *waiting) {
    if (*waiting && !HandOver(waiting)) return false;
    for (;;) {
      long used = sf_read(agent_, read_.data(), read_.size());
      if (used <= 0) return true;
      bool more = read_.size() - used < SF_RECORD_MAX;
      *waiting = std::make_unique<Batch>(read_.data(), used);
      if (!HandOver(waiting)) return false;
      if (!more) return true;
    }
  }

  bool HandOver(std::unique_ptr<Batch> *batch) {
    if (going_down_) return true;  // nobody takes anything any more
    size_t used = (*batch)->used;
    if (under_way_ + used > kBytesInATurn) return false;
    under_way_ += used;
    if (deliveries_.NonBlockingCall(batch->get()) == napi_ok) {
      batch->release();  // deliver() has it
      return true;
    }
    under_way_ -= used;
    return false;
  }

  struct sf_agent *agent_ = nullptr;
  uint64_t counts_[kCounts] = {};
  Deliveries deliveries_;
  Napi::Env::CleanupHook<void (*)(Capture *), Capture> hook_;
  Napi::FunctionReference on_end_;
  std::thread reader_;
  std::vector<char> read_ = std::vector<char>(kBatchBytes);  // reader thread
  Napi::Reference<Napi::ArrayBuffer> buffer_;
  int existing_error_ = 0;
  std::atomic<size_t> under_way_{0};  // bytes
  size_t taken_ = 0;                  // JavaScript thread
  std::atomic<bool> going_down_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> snapshot_wanted_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = false;
};

// When the environment goes down Node calls it without one, so that what is under way is freed.
void deliver(Napi::Env env, Napi::Function callback, Capture *capture, Batch *raw) {
  std::unique_ptr<Batch> batch(raw);
  if (!callback.IsEmpty()) capture->Deliver(env, callback, *batch);
}

Napi::Value Enumeration(const Napi::CallbackInfo &info) {
  auto names = Napi::Array::New(info.Env());
  sf_enumeration(
      info[0].As<Napi::String>().Utf8Value().c_str(),
      [](void *context, uint32_t number, const char *text) { (*static_cast<Napi::Array *>(context))[number] = text; },
      &names);
  return names;
}

// glibc learns from what is freed to keep blocks of up to 32 MiB for later: with the texts and requests of a burst that is
// a hundred MiB. A fixed limit gives each large block back when it is freed.
void keep_no_large_blocks() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 128 * 1024);
#endif
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  keep_no_large_blocks();
  exports.Set("sources", Napi::String::New(env, SOURCES));
  exports.Set("Capture", Capture::Define(env));
  exports.Set("enumeration", Napi::Function::New(env, Enumeration));
  exports.Set("lookupName", Napi::Function::New(env, LookupName));
  exports.Set("Privileged", DefinePrivileged(env));
  exports.Set("giveUpPrivileges", Napi::Function::New(env, GiveUpPrivileges));
  exports.Set("notify", Napi::Function::New(env, Notify));
  return exports;
}

}  // namespace

NODE_API_MODULE(sockflow, Init)
