// SPDX-License-Identifier: Apache-2.0
#ifndef SOCKFLOW_PRIVILEGED_ADDON_H
#define SOCKFLOW_PRIVILEGED_ADDON_H

#include <napi.h>

// Privileged and giveUpPrivileges of src/capture/native.ts.
Napi::Function DefinePrivileged(Napi::Env env);
Napi::Value GiveUpPrivileges(const Napi::CallbackInfo &info);

#endif
