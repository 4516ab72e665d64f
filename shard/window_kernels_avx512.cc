// Window kernels for CpuLevel::kAvx512. A window's postings are spread over its documents by
// expanding their frequency bytes with the bitset's words as masks; divisions are reciprocal
// estimates (14 bits).
#include <algorithm>
#include <cstdint>

#include "shard/window_kernels.h"

#if defined(__x86_64__)

// g++ 12 takes the deliberately undefined operands inside its own avx512fintrin.h for mistakes.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#pragma GCC push_options
#pragma GCC target( \
    "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,avx2,bmi,bmi2,popcnt,lzcnt")

#include "shard/window_kernels_generic.h"

namespace canopy {
namespace {

constexpr size_t kLanes = 16;

// Sixteen bytes as 32-bit lanes.
inline __m512i Widen(const uint8_t* bytes) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes)));
}

void AddBounds(const uint8_t* bounds, uint32_t unit, uint32_t* sums) {
  const __m512i units = _mm512_set1_epi32(static_cast<int>(unit));
  for (size_t w = 0; w < kWindowsPerChunk; w += kLanes) {
    const __m512i added = _mm512_mullo_epi32(units, Widen(bounds + w));
    _mm512_storeu_si512(sums + w, _mm512_add_epi32(_mm512_loadu_si512(sums + w), added));
  }
}

void AddRequiredBounds(const uint8_t* bounds, uint32_t unit, uint32_t* sums) {
  const __m512i units = _mm512_set1_epi32(static_cast<int>(unit));
  for (size_t w = 0; w < kWindowsPerChunk; w += kLanes) {
    const __m512i sum = _mm512_loadu_si512(sums + w), bound = Widen(bounds + w);
    const __mmask16 present =
        _mm512_mask_test_epi32_mask(_mm512_test_epi32_mask(sum, sum), bound, bound);
    const __m512i added = _mm512_mullo_epi32(units, bound);
    _mm512_storeu_si512(sums + w, _mm512_maskz_add_epi32(present, sum, added));
  }
}

void AddOptionalBounds(const uint8_t* bounds, uint32_t unit, uint32_t* sums) {
  const __m512i units = _mm512_set1_epi32(static_cast<int>(unit));
  for (size_t w = 0; w < kWindowsPerChunk; w += kLanes) {
    const __m512i sum = _mm512_loadu_si512(sums + w);
    const __m512i added = _mm512_mullo_epi32(units, Widen(bounds + w));
    _mm512_storeu_si512(sums + w,
                        _mm512_maskz_add_epi32(_mm512_test_epi32_mask(sum, sum), sum, added));
  }
}

uint32_t MaxSum(const uint32_t* sums, size_t n) {
  __m512i max = _mm512_setzero_si512();
  for (size_t w = 0; w < n; w += kLanes) {
    max = _mm512_max_epu32(max, _mm512_loadu_si512(sums + w));
  }
  return _mm512_reduce_max_epu32(max);
}

void MakeLevels(const uint32_t* sums, size_t n, uint32_t shift, uint8_t* levels) {
  const __m512i one = _mm512_set1_epi32(1);
  const __m128i count = _mm_cvtsi32_si128(static_cast<int>(shift));
  for (size_t w = 0; w < n; w += kLanes) {
    const __m512i sum = _mm512_loadu_si512(sums + w);
    const __m512i level =
        _mm512_maskz_add_epi32(_mm512_test_epi32_mask(sum, sum), one, _mm512_srl_epi32(sum, count));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(levels + w), _mm512_cvtepi32_epi8(level));
  }
}

size_t FindLevel(const uint8_t* levels, size_t n, uint8_t level, uint32_t* out) {
  const __m512i wanted = _mm512_set1_epi8(static_cast<char>(level));
  size_t found = 0;
  for (size_t w = 0; w < n; w += 64) {
    uint64_t equal = _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(levels + w), wanted);
    for (; equal != 0; equal &= equal - 1) {
      out[found++] = static_cast<uint32_t>(w + _tzcnt_u64(equal));
    }
  }
  return found;
}

void LoadNorms(const float* table, const uint8_t* codes, float* norms) {
  for (size_t d = 0; d < kWindowDocs; d += kLanes) {
    _mm512_storeu_ps(norms + d, _mm512_i32gather_ps(Widen(codes + d), table, sizeof(float)));
  }
}

// Adds the parts of the 16 documents whose frequency bytes are `bytes`; a byte of 0 adds nothing.
inline void AddVector(__m128i bytes, __m512 weight, const float* norms, float* scores) {
  const __mmask16 present = _mm_test_epi8_mask(bytes, bytes);
  const __mmask16 endless = _mm_cmpeq_epi8_mask(bytes, _mm_set1_epi8(-1));
  const __m512 tf = _mm512_mask_mov_ps(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes)), endless,
                                       _mm512_set1_ps(kEndlessTf));
  const __m512 inverse = _mm512_rcp14_ps(_mm512_add_ps(tf, _mm512_loadu_ps(norms)));
  const __m512 part = _mm512_mul_ps(_mm512_mul_ps(weight, tf), inverse);
  const __m512 score = _mm512_loadu_ps(scores);
  _mm512_storeu_ps(scores, _mm512_mask_add_ps(score, present, score, part));
}

void AddBits(const uint64_t* words, const uint8_t* frequencies, float weight, const float* norms,
             float* scores) {
  const __m512 weights = _mm512_set1_ps(weight);
  for (size_t w = 0; w < kWindowWords; ++w) {
    const uint64_t bits = words[w];
    if (bits == 0) continue;
    const auto count = static_cast<uint32_t>(_mm_popcnt_u64(bits));
    const __m512i packed = _mm512_maskz_loadu_epi8(_bzhi_u64(~uint64_t{0}, count), frequencies);
    const __m512i tfs = _mm512_maskz_expand_epi8(bits, packed);
    frequencies += count;
    const float* const n = norms + w * 64;
    float* const s = scores + w * 64;
    AddVector(_mm512_extracti32x4_epi32(tfs, 0), weights, n, s);
    AddVector(_mm512_extracti32x4_epi32(tfs, 1), weights, n + 16, s + 16);
    AddVector(_mm512_extracti32x4_epi32(tfs, 2), weights, n + 32, s + 32);
    AddVector(_mm512_extracti32x4_epi32(tfs, 3), weights, n + 48, s + 48);
  }
}

void FindAtLeast(const float* scores, float least, uint64_t* words) {
  const __m512 leasts = _mm512_set1_ps(least);
  for (size_t w = 0; w < kWindowWords; ++w) {
    uint64_t bits = 0;
    for (size_t i = 0; i < 64; i += kLanes) {
      bits |= uint64_t{_mm512_cmp_ps_mask(_mm512_loadu_ps(scores + w * 64 + i), leasts, _CMP_GE_OQ)}
              << i;
    }
    words[w] = bits;
  }
}

constexpr WindowKernels MakeKernels() {
  WindowKernels kernels = GenericWindowKernels();
  kernels.add_bounds = AddBounds;
  kernels.add_required_bounds = AddRequiredBounds;
  kernels.add_optional_bounds = AddOptionalBounds;
  kernels.max_sum = MaxSum;
  kernels.make_levels = MakeLevels;
  kernels.find_level = FindLevel;
  kernels.load_norms = LoadNorms;
  kernels.add_bits = AddBits;
  kernels.find_at_least = FindAtLeast;
  return kernels;
}

constexpr WindowKernels kKernels = MakeKernels();

}  // namespace

const WindowKernels* Avx512WindowKernels() { return &kKernels; }

}  // namespace canopy

#pragma GCC pop_options

#else

namespace canopy {
const WindowKernels* Avx512WindowKernels() { return nullptr; }
}  // namespace canopy

#endif
