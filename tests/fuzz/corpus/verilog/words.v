module words (a, b, s, y, z, c);
  input [3:0] a, b; input signed [2:0] s; output [7:0] y, z; output c;
  wire [3:0] p = a / b, q = a % b, r = a << b[1:0];
  assign y = {p ^ q, r | ~a}, z[3:0] = a * b, z[7:4] = $signed(a) >>> s[1:0];
  assign c = (a + b > 5'd17) ? ^a : s < -3'sd1 && |b || a != 4'b10_1x;
endmodule
