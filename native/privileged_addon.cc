// SPDX-License-Identifier: Apache-2.0
#include "privileged_addon.h"

#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "capabilities.h"
#include "remote.h"
#include "restrict.h"

namespace {

Napi::Error to_error(Napi::Env env, const std::string &what, int number) {
  auto error = Napi::Error::New(env, what + ": " + strerror(number));
  error.Set("errno", Napi::Number::New(env, number));
  return error;
}

class Privileged : public Napi::ObjectWrap<Privileged> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "Privileged",
                       {InstanceMethod<&Privileged::Link>("link"), InstanceMethod<&Privileged::Open>("open"),
                        InstanceMethod<&Privileged::Sockets>("sockets"), InstanceMethod<&Privileged::Close>("close"),
                        InstanceAccessor<&Privileged::IsThere>("isThere"), InstanceAccessor<&Privileged::Pid>("pid"),
                        InstanceMethod<&Privileged::TakeReaderChannel>("takeReaderChannel")});
  }

  explicit Privileged(const Napi::CallbackInfo &info) : Napi::ObjectWrap<Privileged>(info) {
    std::string program = info[0].As<Napi::String>(), proc = info[1].As<Napi::String>();
    int channel = -1;
    pid_ = start_privileged(program.c_str(), proc.c_str(), &reader_channel_, &channel);
    if (pid_ < 0) throw to_error(info.Env(), "cannot start " + program, -pid_);
    channel_ = std::make_unique<Channel>(channel);
  }

  ~Privileged() override { End(); }

 private:
  Napi::Value TakeReaderChannel(const Napi::CallbackInfo &info) {
    int channel = reader_channel_;
    reader_channel_ = -1;
    return Napi::Number::New(info.Env(), channel);
  }

  bool Put(const Napi::CallbackInfo &info, Ask ask, Reply *answer, std::string *data, int *fd = nullptr) {
    Question question = {};
    question.ask = ask;
    question.pid = info[0].As<Napi::Number>().Uint32Value();
    if (info.Length() > 1) question.name = info[1].As<Napi::Number>().Uint32Value();
    return channel_ && channel_->Put(question, answer, data, fd);
  }

  Napi::Value Link(const Napi::CallbackInfo &info) {
    Reply answer;
    std::string target;
    if (!Put(info, Ask::link, &answer, &target) || answer.result) return info.Env().Undefined();
    return Napi::String::New(info.Env(), target);
  }

  // A descriptor, or a negative errno.
  Napi::Value Open(const Napi::CallbackInfo &info) {
    Reply answer;
    std::string data;
    int fd = -1;
    if (!Put(info, Ask::open, &answer, &data, &fd)) return Napi::Number::New(info.Env(), -EIO);
    return Napi::Number::New(info.Env(), answer.result || fd < 0 ? -answer.result : fd);
  }

  Napi::Value Sockets(const Napi::CallbackInfo &info) {
    Reply answer;
    std::string data;
    auto inodes = Napi::Array::New(info.Env());
    if (!Put(info, Ask::sockets, &answer, &data)) return inodes;
    for (uint32_t i = 0; i < data.size() / sizeof(uint64_t); i++) {
      uint64_t inode;
      memcpy(&inode, data.data() + i * sizeof(inode), sizeof(inode));
      inodes[i] = Napi::String::New(info.Env(), std::to_string(inode));
    }
    return inodes;
  }

  Napi::Value IsThere(const Napi::CallbackInfo &info) {
    if (pid_ > 0 && waitpid(pid_, nullptr, WNOHANG) != 0) pid_ = -1;
    return Napi::Boolean::New(info.Env(), pid_ > 0);
  }

  Napi::Value Pid(const Napi::CallbackInfo &info) { return Napi::Number::New(info.Env(), pid_); }

  void Close(const Napi::CallbackInfo &) { End(); }

  // It ends when both channels are closed, which takes it a moment; nobody waits for one that hangs.
  void End() {
    channel_.reset();
    if (reader_channel_ >= 0) close(reader_channel_);
    reader_channel_ = -1;
    struct timespec moment = {0, 1000000};
    for (int i = 0; pid_ > 0 && i < 500; i++) {
      if (waitpid(pid_, nullptr, WNOHANG) != 0) pid_ = -1;
      if (pid_ > 0) nanosleep(&moment, nullptr);
    }
    pid_ = -1;
  }

  pid_t pid_ = -1;
  int reader_channel_ = -1;
  std::unique_ptr<Channel> channel_;
};

}  // namespace

Napi::Function DefinePrivileged(Napi::Env env) { return Privileged::Define(env); }

// Throws when a thread may have kept some.
Napi::Value GiveUpPrivileges(const Napi::CallbackInfo &info) {
  if (int code = give_up_capabilities()) throw to_error(info.Env(), "cannot give up capabilities", -code);
  if (int code = forbid(Forbidden::all)) throw to_error(info.Env(), "cannot forbid system calls", -code);
  return info.Env().Undefined();
}
