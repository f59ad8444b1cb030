// Argument access that checks types before any work is done (a wrong type is a TypeError, never undefined behaviour).
#pragma once
#include <napi.h>
#include <string>

namespace addon {

inline int Int(const Napi::CallbackInfo &info, size_t index) {
  if (!info[index].IsNumber()) throw Napi::TypeError::New(info.Env(), "argument " + std::to_string(index) + " must be a number");
  return info[index].As<Napi::Number>().Int32Value();
}

inline int64_t Int64(const Napi::CallbackInfo &info, size_t index) {
  if (!info[index].IsNumber()) throw Napi::TypeError::New(info.Env(), "argument " + std::to_string(index) + " must be a number");
  return info[index].As<Napi::Number>().Int64Value();
}

inline bool Bool(const Napi::CallbackInfo &info, size_t index) {
  if (!info[index].IsBoolean()) throw Napi::TypeError::New(info.Env(), "argument " + std::to_string(index) + " must be a boolean");
  return info[index].As<Napi::Boolean>().Value();
}

// A NUL inside would cut the string at the kernel's door, so it is refused.
inline std::string Text(const Napi::CallbackInfo &info, size_t index) {
  if (!info[index].IsString()) throw Napi::TypeError::New(info.Env(), "argument " + std::to_string(index) + " must be a string");
  std::string text = info[index].As<Napi::String>().Utf8Value();
  if (text.find('\0') != std::string::npos) throw Napi::TypeError::New(info.Env(), "argument " + std::to_string(index) + " holds a NUL character");
  return text;
}

struct Bytes {
  const uint8_t *data;
  size_t size;
};

inline Bytes ByteView(const Napi::Env &env, const Napi::Value &value) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
    throw Napi::TypeError::New(env, "expected a Uint8Array");
  auto array = value.As<Napi::Uint8Array>();
  return {array.Data(), array.ByteLength()};
}

inline Napi::Uint8Array NewBytes(Napi::Env env, const void *data, size_t size) {
  auto array = Napi::Uint8Array::New(env, size);
  if (size) memcpy(array.Data(), data, size);
  return array;
}

}  // namespace addon
