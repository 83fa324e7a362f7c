// SPDX-License-Identifier: Apache-2.0
import MartletServer
import Testing

@Suite("Prometheus's text") struct PrometheusTextTests {
    @Test("a family has its help, its type and its samples") func family() {
        var text = PrometheusText()
        text.family("a_total", .counter, "What there is.")
        text.sample("a_total", [("queue", "lambda"), ("result", "finished")], 3)
        text.sample("a_total", [], 0.5)
        #expect(
            text.text == """
                # HELP a_total What there is.
                # TYPE a_total counter
                a_total{queue="lambda",result="finished"} 3
                a_total 0.5

                """
        )
    }

    @Test(
        "whatever a name holds, it stays in its place",
        arguments: [
            (#"a"} 1"#, #"a\"} 1"#), ("a\nb 2", #"a\nb 2"#), (#"\"#, #"\\"#), (#"\n"#, #"\\n"#), ("日本", "日本"), ("", ""),
        ]
    )
    func values(value: String, escaped: String) {
        var text = PrometheusText()
        text.sample("a", [("l", value)], 1)
        #expect(text.text == "a{l=\"\(escaped)\"} 1\n")
    }

    @Test("names of labels are made fit", arguments: [("a-b", "a_b"), ("9a", "_9a"), ("", "_"), ("a\"}\n", "a___")])
    func names(name: String, fit: String) {
        var text = PrometheusText()
        text.sample("a", [(name, "v")], 1)
        #expect(text.text == "a{\(fit)=\"v\"} 1\n")
    }
}
