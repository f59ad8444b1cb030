// A streaming decompressor: feed(bytes), then read(maximum) until it gives nothing, feed again; finish() at the end.
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <memory>
#include <vector>

#include "addon.h"
#include "arguments.h"

namespace addon {
namespace {

// What one stream may need: `xz -9` needs 65 MiB, a zstd window of 2^27 bytes 128 MiB.
constexpr uint64_t kMemoryLimit = 512ull << 20;
constexpr int kZstdWindowLog = 27;

struct Step {
  size_t consumed = 0;
  size_t produced = 0;
  // The stream (or one of several in a row) ended here.
  bool ended = false;
  const char *error = nullptr;
};

class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual Step Run(const uint8_t *in, size_t in_size, uint8_t *out, size_t out_size) = 0;
};

class Zlib : public Decoder {
 public:
  Zlib() { inflateInit2(&stream_, 15 + 16); }
  ~Zlib() override { inflateEnd(&stream_); }

  Step Run(const uint8_t *in, size_t in_size, uint8_t *out, size_t out_size) override {
    stream_.next_in = const_cast<uint8_t *>(in);
    stream_.avail_in = static_cast<uInt>(in_size);
    stream_.next_out = out;
    stream_.avail_out = static_cast<uInt>(out_size);
    int result = inflate(&stream_, Z_NO_FLUSH);
    Step step{in_size - stream_.avail_in, out_size - stream_.avail_out, result == Z_STREAM_END, nullptr};
    if (result == Z_STREAM_END) inflateReset(&stream_);
    else if (result != Z_OK && result != Z_BUF_ERROR) step.error = stream_.msg ? stream_.msg : "the gzip data is corrupted";
    return step;
  }

 private:
  z_stream stream_ = {};
};

class Lzma : public Decoder {
 public:
  explicit Lzma(bool alone) : alone_(alone) { Start(); }
  ~Lzma() override { lzma_end(&stream_); }

  Step Run(const uint8_t *in, size_t in_size, uint8_t *out, size_t out_size) override {
    stream_.next_in = in;
    stream_.avail_in = in_size;
    stream_.next_out = out;
    stream_.avail_out = out_size;
    lzma_ret result = lzma_code(&stream_, LZMA_RUN);
    Step step{in_size - stream_.avail_in, out_size - stream_.avail_out, result == LZMA_STREAM_END, nullptr};
    if (result == LZMA_STREAM_END) Start();
    else if (result != LZMA_OK && result != LZMA_BUF_ERROR) step.error = Reason(result);
    return step;
  }

 private:
  void Start() {
    if (alone_) lzma_alone_decoder(&stream_, kMemoryLimit);
    else lzma_stream_decoder(&stream_, kMemoryLimit, 0);
  }

  static const char *Reason(lzma_ret result) {
    switch (result) {
      case LZMA_MEM_ERROR: return "there is not enough memory";
      case LZMA_MEMLIMIT_ERROR: return "the xz data asks for more than 512 MiB of memory";
      case LZMA_FORMAT_ERROR: return "this is not xz or lzma data";
      case LZMA_OPTIONS_ERROR: return "the xz data uses an unknown filter";
      default: return "the xz data is corrupted";
    }
  }

  bool alone_;
  lzma_stream stream_ = LZMA_STREAM_INIT;
};

class Zstd : public Decoder {
 public:
  Zstd() : stream_(ZSTD_createDStream()) { ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax, kZstdWindowLog); }
  ~Zstd() override { ZSTD_freeDStream(stream_); }

  Step Run(const uint8_t *in, size_t in_size, uint8_t *out, size_t out_size) override {
    ZSTD_inBuffer input = {in, in_size, 0};
    ZSTD_outBuffer output = {out, out_size, 0};
    size_t result = ZSTD_decompressStream(stream_, &output, &input);
    bool failed = ZSTD_isError(result) != 0;
    return {input.pos, output.pos, result == 0, failed ? ZSTD_getErrorName(result) : nullptr};
  }

 private:
  ZSTD_DStream *stream_;
};

std::unique_ptr<Decoder> MakeDecoder(const std::string &format) {
  if (format == "gzip") return std::make_unique<Zlib>();
  if (format == "xz") return std::make_unique<Lzma>(false);
  if (format == "lzma") return std::make_unique<Lzma>(true);
  if (format == "zstd") return std::make_unique<Zstd>();
  return nullptr;
}

class Decompressor : public Napi::ObjectWrap<Decompressor> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "Decompressor",
                       {InstanceMethod("feed", &Decompressor::Feed), InstanceMethod("read", &Decompressor::Read),
                        InstanceMethod("finish", &Decompressor::Finish), InstanceMethod("close", &Decompressor::Close)});
  }

  explicit Decompressor(const Napi::CallbackInfo &info) : ObjectWrap(info), decoder_(MakeDecoder(Text(info, 0))) {
    if (!decoder_) throw Napi::TypeError::New(info.Env(), "unknown compression format");
  }

 private:
  void Feed(const Napi::CallbackInfo &info) {
    if (at_ < input_.size()) throw Napi::Error::New(info.Env(), "feed: the last input has not been read");
    Bytes bytes = ByteView(info.Env(), info[0]);
    input_.assign(bytes.data, bytes.data + bytes.size);
    at_ = 0;
  }

  Napi::Value Read(const Napi::CallbackInfo &info) {
    int64_t maximum = Int64(info, 0);
    if (maximum < 1 || maximum > (64 << 20)) throw Napi::TypeError::New(info.Env(), "read: from 1 byte to 64 MiB");
    if (!decoder_) throw Napi::Error::New(info.Env(), "the decompressor is closed");
    if (output_.size() < static_cast<size_t>(maximum)) output_.resize(static_cast<size_t>(maximum));
    size_t filled = 0;
    while (filled < static_cast<size_t>(maximum)) {
      // A decoder may hold output that it had no room for: it is asked once more even without input.
      if (at_ == input_.size() && !pending_) break;
      Step step = decoder_->Run(input_.data() + at_, input_.size() - at_, output_.data() + filled, static_cast<size_t>(maximum) - filled);
      if (step.error) throw Napi::Error::New(info.Env(), step.error);
      at_ += step.consumed;
      filled += step.produced;
      if (step.consumed || step.produced) within_ = !step.ended;
      pending_ = !step.ended && filled == static_cast<size_t>(maximum);
      if (step.consumed == 0 && step.produced == 0) {
        if (at_ < input_.size()) throw Napi::Error::New(info.Env(), "the compressed data makes no progress");
        break;
      }
    }
    return NewBytes(info.Env(), output_.data(), filled);
  }

  void Finish(const Napi::CallbackInfo &info) {
    if (within_ || at_ < input_.size()) throw Napi::Error::New(info.Env(), "the compressed data ends too early");
  }

  void Close(const Napi::CallbackInfo &) {
    decoder_.reset();
    std::vector<uint8_t>().swap(input_);
    std::vector<uint8_t>().swap(output_);
  }

  std::unique_ptr<Decoder> decoder_;
  std::vector<uint8_t> input_;
  std::vector<uint8_t> output_;
  size_t at_ = 0;
  bool within_ = true;
  bool pending_ = false;
};

}  // namespace

void InitDecompress(Napi::Env env, Napi::Object exports) {
  auto constructor = Napi::Persistent(Decompressor::Define(env));
  auto *kept = new Napi::FunctionReference(std::move(constructor));
  env.AddCleanupHook([kept] { delete kept; });
  exports.Set("decompressor", Napi::Function::New(env, [kept](const Napi::CallbackInfo &info) -> Napi::Value { return kept->New({info[0]}); }, "decompressor"));
}

}  // namespace addon
