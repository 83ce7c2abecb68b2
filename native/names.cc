// SPDX-License-Identifier: Apache-2.0
#include "names.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>

#include <string>
#include <vector>

namespace {

// Asks the name service switch, which may ask the network: off the JavaScript thread.
class NameLookup : public Napi::AsyncWorker {
 public:
  NameLookup(Napi::Env env, bool group, uint32_t id) : AsyncWorker(env), deferred_(env), group_(group), id_(id) {}
  Napi::Promise Promise() { return deferred_.Promise(); }

 protected:
  void Execute() override {
    // A group with ten thousand members needs more than any usual entry: as much as it takes, within reason.
    int error = ERANGE;
    for (size_t size = 16384; error == ERANGE && size <= 4 << 20; size *= 4) {
      std::vector<char> space(size);
      error = group_ ? AskGroup(space) : AskUser(space);
    }
  }
  void OnOK() override {
    if (name_.empty())
      deferred_.Resolve(Env().Undefined());
    else
      deferred_.Resolve(Napi::String::New(Env(), name_));
  }

 private:
  int AskGroup(std::vector<char> &space) {
    struct group entry, *found = nullptr;
    int error = getgrgid_r(id_, &entry, space.data(), space.size(), &found);
    if (error == 0 && found) name_ = found->gr_name;
    return error;
  }

  int AskUser(std::vector<char> &space) {
    struct passwd entry, *found = nullptr;
    int error = getpwuid_r(id_, &entry, space.data(), space.size(), &found);
    if (error == 0 && found) name_ = found->pw_name;
    return error;
  }

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
