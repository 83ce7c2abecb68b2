// SPDX-License-Identifier: Apache-2.0
#include "names.h"

#include <grp.h>
#include <pwd.h>

#include <string>

namespace {

// Asks the name service switch, which may ask the network: off the JavaScript thread.
class NameLookup : public Napi::AsyncWorker {
 public:
  NameLookup(Napi::Env env, bool group, uint32_t id) : AsyncWorker(env), deferred_(env), group_(group), id_(id) {}
  Napi::Promise Promise() { return deferred_.Promise(); }

 protected:
  void Execute() override {
    char space[16384];
    if (group_) {
      struct group entry, *found = nullptr;
      if (getgrgid_r(id_, &entry, space, sizeof(space), &found) == 0 && found) name_ = found->gr_name;
    } else {
      struct passwd entry, *found = nullptr;
      if (getpwuid_r(id_, &entry, space, sizeof(space), &found) == 0 && found) name_ = found->pw_name;
    }
  }
  void OnOK() override {
    if (name_.empty())
      deferred_.Resolve(Env().Undefined());
    else
      deferred_.Resolve(Napi::String::New(Env(), name_));
  }

 private:
  Napi::Promise::Deferred deferred_;
  bool group_;
  uint32_t id_;
  std::string name_;
};

}  // namespace

Napi::Value LookupName(const Napi::CallbackInfo &info) {
  auto *worker = new NameLookup(info.Env(), info[0].As<Napi::String>().Utf8Value() == "group",
                                info[1].As<Napi::Number>().Uint32Value());
  auto promise = worker->Promise();
  worker->Queue();
  return promise;
}
