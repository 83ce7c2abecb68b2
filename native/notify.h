// SPDX-License-Identifier: Apache-2.0
#ifndef SOCKFLOW_NOTIFY_H
#define SOCKFLOW_NOTIFY_H

#include <napi.h>

// notify of src/capture/native.ts.
Napi::Value Notify(const Napi::CallbackInfo &info);

#endif
