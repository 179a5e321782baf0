// Letters: N pictures, C channels in, O channels out, K cells of a column
// (C * kernel * kernel), P cells out of all pictures (N * Ho * Wo).
#include "trainer/nn/gemm_convolution.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

namespace atelier::trainer {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Above it oneDNN's own convolutions were as fast or faster: measured with the
// shapes of SD 1.5 in fp32 on two AVX2 cores (Zen 3).
constexpr int64_t kMostCells = 512;

struct Geometry {
  ConvOptions window;
  int64_t n, c, height, width;    // of the input
  int64_t out_height, out_width;  // of the output

  Geometry(torch::IntArrayRef input, const ConvOptions& w)
      : window(w),
        n(input[0]),
        c(input[1]),
        height(input[2]),
        width(input[3]),
        out_height(Out(height, w)),
        out_width(Out(width, w)) {}

  int64_t rows() const { return c * window.kernel * window.kernel; }
  int64_t cells() const { return n * out_height * out_width; }

  // The outputs [first, last) of a row that see the cell of the kernel at
  // `offset` inside the picture.
  static int64_t First(int64_t offset, const ConvOptions& w) {
    const int64_t before = w.padding - offset;
    return before <= 0 ? 0 : (before + w.stride - 1) / w.stride;
  }
  static int64_t Last(int64_t offset, int64_t size, int64_t out,
                      const ConvOptions& w) {
    const int64_t reach = size - 1 + w.padding - offset;
    return reach < 0 ? 0 : std::min(out, reach / w.stride + 1);
  }

 private:
  static int64_t Out(int64_t size, const ConvOptions& w) {
    return (size + 2 * w.padding - w.kernel) / w.stride + 1;
  }
};

// Calls `line(cell of the input, cell of the row, count)` for the lines of one
// row of columns: the channel `c` of picture `n` seen at (ky, kx). Cells of the
// input are counted from the channel's first, `stride` apart.
template <typename Line>
void ForEachLine(const Geometry& g, int64_t ky, int64_t kx, Line line) {
  const ConvOptions& w = g.window;
  const int64_t first_x = Geometry::First(kx, w);
  const int64_t count = Geometry::Last(kx, g.width, g.out_width, w) - first_x;
  if (count <= 0) return;
  const int64_t last_y = Geometry::Last(ky, g.height, g.out_height, w);
  for (int64_t y = Geometry::First(ky, w); y < last_y; ++y) {
    const int64_t in_y = y * w.stride + ky - w.padding;
    const int64_t in_x = first_x * w.stride + kx - w.padding;
    line(in_y * g.width + in_x, y * g.out_width + first_x, count);
  }
}

// Calls `row(picture's channel, row of columns, ky, kx)` for every row of
// columns of every picture, the rows of one channel in one thread.
template <typename Row>
void ForEachRow(const Geometry& g, Row row) {
  const int64_t kernel = g.window.kernel;
  at::parallel_for(0, g.c, 8, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      for (int64_t k = 0; k < kernel * kernel; ++k) {
        for (int64_t n = 0; n < g.n; ++n) {
          const int64_t channel = (n * g.c + c) * g.height * g.width;
          const int64_t cells = g.out_height * g.out_width;
          const int64_t place =
              (c * kernel * kernel + k) * g.cells() + n * cells;
          row(channel, place, k / kernel, k % kernel);
        }
      }
    }
  });
}

// [N, C, H, W] -> [K, P]
template <typename T>
void FillColumns(const Geometry& g, const T* x, T* columns) {
  const int64_t stride = g.window.stride;
  ForEachRow(g, [&](int64_t channel, int64_t place, int64_t ky, int64_t kx) {
    T* const row = columns + place;
    std::fill_n(row, g.out_height * g.out_width, T(0));
    ForEachLine(g, ky, kx, [&](int64_t from, int64_t to, int64_t count) {
      const T* const cells = x + channel + from;
      if (stride == 1) {
        std::copy_n(cells, count, row + to);
        return;
      }
      for (int64_t i = 0; i < count; ++i) row[to + i] = cells[i * stride];
    });
  });
}

// [K, P] -> [N, C, H, W], the cells of a column added to where they came from.
template <typename T>
void AddColumns(const Geometry& g, const T* columns, T* x) {
  const int64_t stride = g.window.stride;
  ForEachRow(g, [&](int64_t channel, int64_t place, int64_t ky, int64_t kx) {
    ForEachLine(g, ky, kx, [&](int64_t to, int64_t from, int64_t count) {
      const T* const row = columns + place + from;
      T* const cells = x + channel + to;
      for (int64_t i = 0; i < count; ++i) cells[i * stride] += row[i];
    });
  });
}

Tensor Columns(const Geometry& g, const Tensor& x) {
  const Tensor from = x.contiguous();
  const Tensor columns = torch::empty({g.rows(), g.cells()}, x.options());
  if (x.scalar_type() == torch::kBFloat16) {
    FillColumns(g, from.data_ptr<at::BFloat16>(),
                columns.data_ptr<at::BFloat16>());
  } else {
    FillColumns(g, from.data_ptr<float>(), columns.data_ptr<float>());
  }
  return columns;
}

// The sum is made in fp32 whatever the columns' format.
Tensor FromColumns(const Geometry& g, const Tensor& columns) {
  const Tensor from = columns.to(torch::kFloat32);
  const Tensor x = torch::zeros({g.n, g.c, g.height, g.width}, from.options());
  AddColumns(g, from.data_ptr<float>(), x.data_ptr<float>());
  return x.to(columns.scalar_type());
}

// [O, P] -> [N, O, Ho, Wo] and back; a view where there is one picture.
Tensor FromCells(const Geometry& g, const Tensor& cells) {
  return cells.view({cells.size(0), g.n, g.out_height, g.out_width})
      .transpose(0, 1)
      .contiguous();
}

Tensor ToCells(const Geometry& g, const Tensor& output) {
  return output.transpose(0, 1).reshape({output.size(1), g.cells()});
}

struct ConvolutionFunction : torch::autograd::Function<ConvolutionFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& x,
                        const Tensor& weight, const Tensor& bias,
                        const ConvOptions& window) {
    context->save_for_backward({x, weight});
    context->saved_data["kernel"] = window.kernel;
    context->saved_data["stride"] = window.stride;
    context->saved_data["padding"] = window.padding;
    const Geometry g(x.sizes(), window);
    return FromCells(
        g, at::addmm(bias.unsqueeze(1), weight.flatten(1), Columns(g, x)));
  }

  static variable_list backward(AutogradContext* context,
                                variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor& x = saved[0];
    const Tensor& weight = saved[1];
    const Geometry g(x.sizes(), {context->saved_data["kernel"].toInt(),
                                 context->saved_data["stride"].toInt(),
                                 context->saved_data["padding"].toInt()});
    const Tensor gradient = ToCells(g, gradients[0]);  // [O, P]
    Tensor of_x, of_weight, of_bias;
    if (context->needs_input_grad(0)) {
      of_x = FromColumns(g, weight.flatten(1).t().mm(gradient));
    }
    if (context->needs_input_grad(1)) {
      of_weight = gradient.mm(Columns(g, x).t()).view(weight.sizes());
    }
    if (context->needs_input_grad(2)) of_bias = gradient.sum(1);
    return {of_x, of_weight, of_bias, Tensor()};
  }
};

}  // namespace

bool PrefersGemm(const Tensor& x, const Tensor& weight,
                 const ConvOptions& window) {
  const bool is_known =
      x.scalar_type() == torch::kFloat32 || x.scalar_type() == torch::kBFloat16;
  if (!x.is_cpu() || !is_known || window.kernel == 1) return false;
  const Geometry g(x.sizes(), window);
  return g.cells() <= kMostCells && g.cells() > 0 &&
         weight.size(0) >= g.cells() / 2;
}

Tensor GemmConvolution(const Tensor& x, const Tensor& weight,
                       const Tensor& bias, const ConvOptions& window) {
  return ConvolutionFunction::apply(x, weight, bias, window);
}

}  // namespace atelier::trainer
