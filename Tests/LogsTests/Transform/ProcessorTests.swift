// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import Testing

@testable import Logs

/// The examples of AWS's documentation, and what lies beside them.
@Suite("Log transformers") struct ProcessorTests {
    private let nested = #"{"outer_key": {"inner_key": "inner_value"}}"#

    @Test("JSON becomes fields, at the root or at a destination")
    func parsesJSON() throws {
        try TransformBench.expect(#"[{"parseJSON": {}}]"#, makes: nested, of: nested)
        try TransformBench.expect(
            #"[{"parseJSON": {"destination": "new_key"}}]"#,
            makes: #"{"new_key": {"outer_key": {"inner_key": "inner_value"}}}"#,
            of: nested
        )
        #expect(try TransformBench(#"[{"parseJSON": {}}]"#).transform("no JSON") == nil)
        #expect(try TransformBench(#"[{"parseJSON": {}}]"#).transform("[1]") == nil)
    }

    @Test("values between delimiters get the names of columns")
    func parsesCSV() throws {
        try TransformBench.expect(
            #"[{"csv": {"delimiter": ":", "quoteCharacter": "'"}}]"#,
            makes: #"{"column_1": "Akua Mansa", "column_2": "28", "column_3": "New York: USA"}"#,
            of: "'Akua Mansa':28:'New York: USA'"
        )
        try TransformBench.expect(
            #"[{"csv": {"columns": ["a", "b"], "destination": "d"}}]"#,
            makes: #"{"d": {"a": "1", "b": "x \"y\", z", "column_3": ""}}"#,
            of: #"1, "x ""y"", z","#
        )
        try TransformBench.expect(
            #"[{"csv": {"delimiter": "\\t"}}]"#,
            makes: #"{"column_1": "a", "column_2": "b"}"#,
            of: "a\tb"
        )
        #expect(try TransformBench(#"[{"csv": {}}]"#).transform("\"never closed") == nil)
    }

    @Test("pairs of keys and values become fields; a key without a value gets the default")
    func parsesKeyValue() throws {
        try TransformBench.expect(
            """
            [{"parseKeyValue": {"destination": "new_key", "fieldDelimiter": "!", "keyValueDelimiter": ":",
            "nonMatchValue": "defaultValue", "keyPrefix": "parsed_"}}]
            """,
            makes: """
                {"new_key": {"parsed_key1": "value1", "parsed_key2": "value2", "parsed_key3": "value3",
                "parsed_key4": "defaultValue"}}
                """,
            of: "key1:value1!key2:value2!key3:value3!key4"
        )
        try TransformBench.expect(#"[{"parseKeyValue": {}}]"#, makes: #"{"a": "1=2", "b": null}"#, of: "a=1=2&b")
    }

    @Test(
        "texts are changed in place",
        arguments: [
            (#"{"lowerCaseString": {"withKeys": ["k"]}}"#, #"" AbC ""#, #"" abc ""#),
            (#"{"upperCaseString": {"withKeys": ["k"]}}"#, #"" AbC ""#, #"" ABC ""#),
            (#"{"trimString": {"withKeys": ["k"]}}"#, #""  a b\n""#, #""a b""#),
            (
                #"{"splitString": {"entries": [{"source": "k", "delimiter": ", "}]}}"#, #""i1, i2, i3""#,
                #"["i1", "i2", "i3"]"#
            ),
            (#"{"substituteString": {"entries": [{"source": "k", "from": "\\[\\]", "to": "v"}]}}"#, #""[]""#, #""v""#),
            (
                #"{"substituteString": {"entries": [{"source": "k", "from": "cat", "to": "dog"}]}}"#,
                #""a cat's catnap""#, #""a dog's dognap""#
            ),
            (
                #"{"substituteString": {"entries": [{"source": "k", "from": "(\\w+), (\\w+), and (\\w+)", "to": "$1 and $3"}]}}"#,
                #""Tom, Dick, and Harry""#, #""Tom and Harry""#
            ),
            (
                #"{"substituteString": {"entries": [{"source": "k", "from": "role/(?P<role>\\w+)/(?P<who>\\w+)$", "to": "${who}:${role}"}]}}"#,
                #""arn:role/R/s""#, #""arn:s:R""#
            ),
            (#"{"typeConverter": {"entries": [{"key": "k", "type": "integer"}]}}"#, #""200""#, "200"),
            (#"{"typeConverter": {"entries": [{"key": "k", "type": "double"}]}}"#, #""1.5""#, "1.5"),
            (#"{"typeConverter": {"entries": [{"key": "k", "type": "boolean"}]}}"#, #""TRUE""#, "true"),
            (#"{"typeConverter": {"entries": [{"key": "k", "type": "string"}]}}"#, "12", #""12""#),
            (#"{"typeConverter": {"entries": [{"key": "k", "type": "integer"}]}}"#, #""many""#, #""many""#),
        ]
    )
    func changesTexts(processor: String, value: String, expected: String) throws {
        try TransformBench.expect(
            "[{\"parseJSON\": {}}, \(processor)]",
            makes: "{\"k\": \(expected)}",
            of: "{\"k\": \(value)}"
        )
    }

    @Test(
        "keys are added, deleted, moved into objects, renamed and copied; what is there stays unless it may be overwritten"
    )
    func changesTree() throws {
        func after(_ processors: String) -> String { "[{\"parseJSON\": {}}, \(processors)]" }
        try TransformBench.expect(
            after(
                #"{"addKeys": {"entries": [{"key": "outer_key.new_key", "value": "v"}, {"key": "outer_key.inner_key", "value": "w"}]}}"#
            ),
            makes: #"{"outer_key": {"inner_key": "inner_value", "new_key": "v"}}"#,
            of: nested
        )
        try TransformBench.expect(
            after(
                #"{"addKeys": {"entries": [{"key": "outer_key.inner_key", "value": "w", "overwriteIfExists": true}]}}"#
            ),
            makes: #"{"outer_key": {"inner_key": "w"}}"#,
            of: nested
        )
        try TransformBench.expect(
            after(#"{"deleteKeys": {"withKeys": ["outer_key.inner_key", "nothing"]}}"#),
            makes: #"{"outer_key": {}}"#,
            of: nested
        )
        try TransformBench.expect(
            after(#"{"moveKeys": {"entries": [{"source": "outer_key1.inner_key1", "target": "outer_key2"}]}}"#),
            makes: #"{"outer_key1": {}, "outer_key2": {"inner_key2": "b", "inner_key1": "a"}}"#,
            of: #"{"outer_key1": {"inner_key1": "a"}, "outer_key2": {"inner_key2": "b"}}"#
        )
        try TransformBench.expect(
            after(#"{"renameKeys": {"entries": [{"key": "outer_key", "renameTo": "new_key"}]}}"#),
            makes: #"{"new_key": {"inner_key": "inner_value"}}"#,
            of: nested
        )
        try TransformBench.expect(
            after(
                """
                {"copyValue": {"entries": [{"source": "outer_key.inner_key", "target": "new_key"},
                {"source": "@logGroupName", "target": "group"}, {"source": "@logGroupStream", "target": "stream"},
                {"source": "@accountId", "target": "account"}, {"source": "@regionName", "target": "region"}]}}
                """
            ),
            makes: """
                {"outer_key": {"inner_key": "inner_value"}, "new_key": "inner_value", "group": "my-group",
                "stream": "my-stream", "account": "012345678912", "region": "us-east-1"}
                """,
            of: nested
        )
    }

    @Test(
        "a list of objects becomes a map, of lists or of single elements",
        arguments: [
            ("", #""a": ["val-a"], "b": ["val-b1", "val-b2"]"#),
            (#", "flatten": true, "flattenedElement": "first""#, #""a": "val-a", "b": "val-b1""#),
            (#", "flatten": true, "flattenedElement": "last""#, #""a": "val-a", "b": "val-b2""#),
        ]
    )
    func listToMap(settings: String, expected: String) throws {
        let list = #"[{"i": "a", "v": "val-a"}, {"i": "b", "v": "val-b1"}, {"i": "b", "v": "val-b2"}, {"v": "none"}]"#
        try TransformBench.expect(
            "[{\"parseJSON\": {}}, {\"listToMap\": {\"source\": \"o\", \"key\": \"i\", \"valueKey\": \"v\"\(settings)}}]",
            makes: "{\"o\": \(list), \(expected)}",
            of: "{\"o\": \(list)}"
        )
    }

    @Test("lines of AWS's services are taken apart")
    func vended() throws {
        try TransformBench.expect(
            #"[{"parseVPC": {}}]"#,
            makes: """
                {"version": 2, "accountId": "123456789010", "interfaceId": "eni-abc123de", "srcAddr": "192.0.2.0",
                "dstAddr": "192.0.2.24", "srcPort": 20641, "dstPort": 22, "protocol": 6, "packets": 20, "bytes": 4249,
                "start": 1418530010, "end": 1418530070, "action": "ACCEPT", "logStatus": "OK"}
                """,
            of: "2 123456789010 eni-abc123de 192.0.2.0 192.0.2.24 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK"
        )
        try TransformBench.expect(
            #"[{"parsePostgres": {}}]"#,
            makes: """
                {"logTime": "2019-03-10 03:54:59 UTC", "srcIp": "10.0.0.123(52834)", "userName": "postgres",
                "dbName": "logtestdb", "processId": "20175", "logLevel": "ERROR"}
                """,
            of:
                #"2019-03-10 03:54:59 UTC:10.0.0.123(52834):postgres@logtestdb:[20175]:ERROR: column "c" does not exist"#
        )
        try TransformBench.expect(
            #"[{"parseWAF": {}}]"#,
            makes:
                #"{"action": "BLOCK", "httpRequest": {"headers": {"Host": "h"}, "uri": "/"}, "labels": {"name": "value"}}"#,
            of: """
                {"action": "BLOCK", "httpRequest": {"headers": [{"name": "Host", "value": "h"}], "uri": "/"},
                "labels": [{"name": "value"}]}
                """
        )
        let route53 = try TransformBench(#"[{"parseRoute53": {}}]"#)
        let query = "1.0 2017-12-13T08:15:50.235Z Z1 example.com AAAA NOERROR TCP IAD12 192.0.2.0 198.51.100.0/24"
        #expect(try route53.transform(query)?["ednsClientSubnet"]?.stringValue == "198.51.100.0/24")
        #expect(try route53.transform("1.0 too short") == nil)
        let cloudfront = try TransformBench(#"[{"parseCloudfront": {}}]"#)
        let line =
            "2019-12-04\t21:02:31\tLAX1\t392\t192.0.2.24\tGET\td1.cloudfront.net\t/i.html\t200\t-\tMozilla/5.0%20(X)"
            + "\t-\t-\tHit\tid==\td1.cloudfront.net\thttps\t23\t0.001\t-\tTLSv1.2\tECDHE\tHit"
        #expect(try cloudfront.transform(line)?["cs(User-Agent)"]?.stringValue == "Mozilla/5.0 (X)")
        #expect(try cloudfront.transform(line)?["sc-bytes"] == .integer(392))
    }

    @Test(
        "what AWS refuses is refused",
        arguments: [
            (#"[{"addKeys": {"entries": [{"key": "a", "value": "b"}]}}]"#, "must be a parser"),
            (#"[{"parseJSON": {}}, {"parseVPC": {}}]"#, "must be the first processor"),
            (
                #"[{"parseJSON": {}}, {"parseJSON": {}}, {"csv": {}}, {"csv": {}}, {"csv": {}}, {"csv": {}}]"#,
                "at most 5 parsers"
            ),
            (#"[{"parseJSON": {}, "csv": {}}]"#, "exactly one processor"),
            (#"[{}]"#, "exactly one processor"),
            (#"[{"parseJSON": {"source": "a.b.c.d"}}]"#, "must not exceed 3"),
            (#"[{"parseJSON": {"source": "a..b"}}]"#, "Invalid key"),
            (#"[{"csv": {"delimiter": "ab"}}]"#, "single character"),
            (#"[{"parseVPC": {"source": "a"}}]"#, "can only be @message"),
            (
                #"[{"parseJSON": {}}, {"substituteString": {"entries": [{"source": "a", "from": "[", "to": "b"}]}}]"#,
                "Invalid regular expression"
            ),
            (
                #"[{"parseJSON": {}}, {"substituteString": {"entries": [{"source": "a", "from": "a", "to": "$1"}]}}]"#,
                "Invalid backreference"
            ),
            (
                #"[{"parseJSON": {}}, {"substituteString": {"entries": [{"source": "a", "from": "(a)", "to": "$1$1$1"}]}}]"#,
                "Too many backreferences"
            ),
            (#"[{"parseJSON": {}}, {"listToMap": {"source": "a", "key": "b", "flatten": true}}]"#, "flattenedElement"),
            (
                #"[{"parseJSON": {}}, {"addKeys": {"entries": [{"key": "a", "value": "b"}]}}, {"addKeys": {"entries": [{"key": "c", "value": "b"}]}}]"#,
                "only one addKeys"
            ),
            (#"{"parseJSON": {}}"#, "JSON array"),
            (#"[{"addKeys": {"entries": []}}]"#, "failed to satisfy constraint"),
        ]
    )
    func refused(config: String, part: String) throws {
        let error = #expect(throws: InvalidParameterException.self) { try TransformBench(config) }
        #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
    }

    @Test("what nobody has written yet says so")
    func notImplemented() throws {
        let config = #"[{"parseToOCSF": {"eventSource": "CloudTrail", "ocsfVersion": "V1.1"}}]"#
        let error = #expect(throws: CommonError.self) { try TransformBench(config) }
        #expect(error?.httpStatus == 501)
    }

    @Test("an event of any form is transformed or left alone, and never grows beyond its limits")
    func rubbish() throws {
        let all = try TransformBench(
            """
            [{"parseJSON": {}}, {"csv": {"source": "a"}}, {"parseKeyValue": {"source": "a"}},
            {"grok": {"source": "a", "match": "%{IPORHOST:h} %{GREEDYDATA:r}"}},
            {"moveKeys": {"entries": [{"source": "a", "target": "a.b"}, {"source": "c", "target": "c"}]}},
            {"renameKeys": {"entries": [{"key": "a.b", "renameTo": "a"}]}},
            {"listToMap": {"source": "l", "key": "k"}}, {"typeConverter": {"entries": [{"key": "n", "type": "integer"}]}},
            {"substituteString": {"entries": [{"source": "s", "from": "(a*)*b", "to": "$1$1"}]}}]
            """
        )
        let messages = [
            "", "{", "{}", "null", #"{"a": {"b": 1}, "c": {"c": {}}}"#, #"{"a": "=&=&\"", "l": [1, null, {"k": []}]}"#,
            #"{"n": 1e308, "s": ""# + String(repeating: "a", count: 50_000) + #""}"#, #"{"n": "9223372036854775808"}"#,
            #"{"a": "\u0000\ud800"}"#, "{\"a\": \"" + String(repeating: "x=1&", count: 5_000) + "\"}",
        ]
        for message in messages {
            guard let document = try all.transform(message), case .object(let members) = document else { continue }
            #expect(members.count <= EventDocument.fieldsPerObject)
        }
    }
}
