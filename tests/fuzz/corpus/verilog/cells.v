module cells (c, e, r, a, b, q, y);
  input c, e, r, a, b; output q, y; reg q; wire [2:0] n;
  NAND2_X1M u1 (.A(a), .B(b), .Y(n[0]));
  \$_SDFF_PP0_ u2 (.C(c), .R(r), .D(n[0]), .Q(n[1]));
  AOI21B_X2 \m/u3 (.A0(n[0]), .A1(n[1]), .B0N(b), .Y(n[2]));
  always @(posedge c) begin : p
    if (r) q <= 1'b0; else if (e) begin q <= n[2]; end
  end
  MX2_X1 u4 (.A(n[2]), .B(q), .S0(e), .Y(y));
endmodule
