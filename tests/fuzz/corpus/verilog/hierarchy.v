`timescale 1ns / 1ps
module inv #(parameter W = 1) (input [W-1:0] a, output [W-1:0] y);
  assign y = ~a; // all bits
endmodule
module dff (CK, Q, D);
  input CK, D; output Q; reg Q = 1'b0;
  always @ (posedge CK)
    Q <= D;
endmodule
(* top *) module top (clk, x, \y[0] , z);
  input clk; input [2:0] x; output \y[0] ; output [0:1] z;
  wire [1:0] t; supply1 one;
  inv #(.W(2)) u1 (.a(x[1:0]), .y(t));
  dff u2 (clk, \y[0] , t[0]);
  nand #1 g1 (z[0], t[1], \y[0] , one), (z[1], x[2], x[0]);
endmodule
