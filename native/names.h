// SPDX-License-Identifier: Apache-2.0
#ifndef SOCKFLOW_NAMES_H
#define SOCKFLOW_NAMES_H

#include <napi.h>

// lookupName of src/capture/native.ts.
Napi::Value LookupName(const Napi::CallbackInfo &info);

#endif
