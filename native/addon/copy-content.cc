#include "copy-content.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>

#include "batch.h"

namespace addon {
namespace {

constexpr size_t kChunk = 1 << 18;

}  // namespace

void CopyContent(int from, int to, const std::string &source) {
  if (ioctl(to, FICLONE, from) == 0) return;
  for (;;) {
    ssize_t count = copy_file_range(from, nullptr, to, nullptr, 1 << 30, 0);
    if (count == 0) return;
    if (count > 0 || errno == EINTR) continue;
    if (errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) Fail("copy_file_range", source);
    break;
  }
  std::string buffer(kChunk, '\0');
  while (size_t size = ReadFull(from, buffer.data(), buffer.size(), source)) WriteAll(to, buffer.data(), size, source);
}

void InflateContent(int from, int to, double size, const std::string &source) {
  struct Stream : z_stream {
    Stream() : z_stream{} { inflateInit2(this, -MAX_WBITS); }
    ~Stream() { inflateEnd(this); }
  } stream;
  std::string in(kChunk, '\0'), out(kChunk, '\0');
  double total = 0;
  for (int status = Z_OK; status != Z_STREAM_END;) {
    stream.avail_in = ReadFull(from, in.data(), in.size(), source);
    stream.next_in = reinterpret_cast<Bytef *>(in.data());
    if (stream.avail_in == 0) throw Failure{EBADMSG, "inflate", source};
    while (stream.avail_in > 0 && status != Z_STREAM_END) {
      stream.next_out = reinterpret_cast<Bytef *>(out.data());
      stream.avail_out = out.size();
      status = inflate(&stream, Z_NO_FLUSH);
      size_t got = out.size() - stream.avail_out;
      if ((status != Z_OK && status != Z_STREAM_END) || (total += got) > size) throw Failure{EBADMSG, "inflate", source};
      WriteAll(to, out.data(), got, source);
    }
  }
  if (total != size) throw Failure{EBADMSG, "inflate", source};
}

}  // namespace addon
