/** A server, and a lab for each test, as parameters of JUnit tests. */
package dev.sockwright.junit;
