// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import Testing

@testable import Logs

/// The examples of AWS's documentation.
@Suite("Grok patterns") struct GrokTests {
    private func fields(_ pattern: String, _ text: String) throws -> [String: JSONValue]? {
        try GrokPattern(pattern).fields(of: text).map { Dictionary($0.map { ($0.0.text, $0.1) }) { $1 } }
    }

    @Test(
        "a pattern finds what it is for",
        arguments: [
            ("USERNAME", "user123.name-TEST"), ("INT", "-456"), ("BASE10NUM", "-0.67"), ("BASE16NUM", "+0xA1B2"),
            ("POSINT", "123"), ("NONNEGINT", "007"), ("WORD", "user_123"), ("NOTSPACE", "hello_world123"),
            ("SPACE", " "),
            ("GREEDYDATA_MULTILINE", "abc\ndef\nghi"), ("UUID", "550e8400-e29b-41d4-a716-446655440000"),
            ("URN", "urn:isbn:0451450523"), ("ARN", "arn:aws:iam:us-east-1:123456789012:user/johndoe"),
            ("CISCOMAC", "0123.4567.89AB"), ("WINDOWSMAC", "01-23-45-67-89-AB"), ("COMMONMAC", "01:23:45:67:89:AB"),
            ("MAC", "01:23:45:67:89:AB"), ("IPV6", "2001:db8:3333:4444:5555:6666:7777:8888"), ("IPV6", "::1"),
            ("IPV6", "2001:db8::8a2e:370:7334"), ("IPV6", "::ffff:192.0.2.128"), ("IPV4", "192.168.0.1"),
            ("IP", "192.168.0.1"), ("HOST", "server-01.internal-network.local"),
            ("IPORHOST", "2001:db8:3333:4444:5555:6666:7777:8888"), ("HOSTPORT", "192.168.1.1:8080"),
            ("UNIXPATH", "/search?q=regex"), ("WINPATH", #"C:\Users\John\Documents\file.txt"#),
            ("PATH", "/search?q=regex"),
            ("TTY", "/dev/tty1"), ("URIPROTO", "web+transformer"), ("URIPATH", "/category/sub-category/product_name"),
            ("URIPARAM", "?param1=value1&param2=value2"), ("URIPATHPARAM", "/category/product?id=12345&color=red"),
            ("URI", "https://user:password@example.com/path/to/resource?param1=value1&param2=value2"),
            ("MONTH", "January"), ("MONTHNUM", "05"), ("MONTHNUM2", "05"), ("MONTHDAY", "31"), ("YEAR", "24"),
            ("DAY", "Tuesday"), ("HOUR", "22"), ("MINUTE", "59"), ("SECOND", "30:5"), ("TIME", "09:45:32"),
            ("DATE_US", "1-01-24"), ("DATE_EU", "23/11/2024"), ("TIMESTAMP_ISO8601", "2023-05-15T14:30:00+05:30"),
            ("TIMESTAMP_ISO8601", "23-5-1T1:25+5:30"), ("TIMESTAMP_ISO8601", "23-5-1T1:25Z"), ("DATE", "29.11.2024"),
            ("DATESTAMP", "29-11-2024 14:30:00"), ("TZ", "PDT"), ("DATESTAMP_RFC822", "Monday Jan 5 23 1:30:00 CDT"),
            ("DATESTAMP_RFC2822", "Mon, 15 May 2023 14:30:00 +0530"),
            ("DATESTAMP_OTHER", "Mon May 15 14:30:00 PST 2023"),
            ("DATESTAMP_EVENTLOG", "20230515143000"), ("LOGLEVEL", "INFO"), ("LOGLEVEL", "Warning"),
            ("HTTPDATE", "23/Nov/2024:14:30:00 +0640"), ("SYSLOGTIMESTAMP", "Nov 29 14:30:00"),
            ("PROG", "user.profile/settings-page"), ("SYSLOGHOST", "2001:db8:3333:4444:5555:6666:7777:8888"),
        ]
    )
    func finds(name: String, text: String) throws {
        #expect(try fields("%{\(name):f}", text)?["f"] == .string(text))
    }

    @Test("some patterns name parts of what they find, and quotes are taken off")
    func parts() throws {
        #expect(try fields("%{HOSTPORT:ip}", "192.168.1.1:8080")?["PORT"] == .string("8080"))
        let two = try fields("%{URIHOST:host} %{URIHOST:ip}", "example.com:443 10.0.0.1")
        #expect(two == ["host": .string("example.com:443"), "port": .string("443"), "ip": .string("10.0.0.1")])
        let program = try fields("%{SYSLOGPROG:p}", "a/b-c[1234]")
        #expect(program == ["p": .string("a/b-c[1234]"), "program": .string("a/b-c"), "pid": .string("1234")])
        let facility = try fields("%{SYSLOGFACILITY:s}", "<13.6>")
        #expect(facility == ["s": .string("<13.6>"), "facility": .string("13"), "priority": .string("6")])
        #expect(try fields("%{QUOTEDSTRING:m}", #""Hello, \"world\"""#)?["m"] == .string(#"Hello, \"world\""#))
        #expect(try fields("%{DATA:x} %{DATA:y}", "abc def ghi") == ["x": .string("abc"), "y": .string("def ghi")])
        #expect(
            try fields("%{GREEDYDATA:x} %{GREEDYDATA:y}", "abc def ghi") == [
                "x": .string("abc def"), "y": .string("ghi"),
            ]
        )
    }

    @Test("what stands between patterns stands for itself, and all of the text has to match")
    func literals() throws {
        let redis = "%{NUMBER:timestamp} [%{NUMBER:db} %{IP:client_ip}:%{NUMBER:client_port}] %{GREEDYDATA:data}"
        let found = try fields(redis, #"1629860738.123456 [0 127.0.0.1:6379] "SET" "key1""#)
        #expect(found?["client_port"] == .string("6379"))
        #expect(found?["data"] == .string(#""SET" "key1""#))
        #expect(try fields("%{INT:a}.%{INT:b}", "1x2") == nil)
        #expect(try fields("%{INT:a}", "1 and more") == nil)
        #expect(try fields(#"\[%{INT:a}\]"#, "[1]\n")?["a"] == .string("1"))
    }

    @Test("dots in names make objects")
    func nested() throws {
        try TransformBench.expect(
            #"[{"grok": {"match": "%{IP:client.ip} %{WORD:method} %{URIPATHPARAM:request.uri} %{NUMBER:response.status}"}}]"#,
            makes:
                #"{"client": {"ip": "192.168.1.1"}, "method": "GET", "request": {"uri": "/i.html?p=v"}, "response": {"status": "200"}}"#,
            of: "192.168.1.1 GET /i.html?p=v 200"
        )
    }

    @Test("lines of well-known programs have fields of their own")
    func common() throws {
        try TransformBench.expect(
            #"[{"grok": {"match": "%{APACHE_ACCESS_LOG}"}}]"#,
            makes: """
                {"request": "/page.html", "http_method": "GET", "status_code": 200, "http_version": "1.1",
                "response_size": 1234, "remote_host": "127.0.0.1", "timestamp": "2023-08-03T12:34:56Z"}
                """,
            of: #"127.0.0.1 - - [03/Aug/2023:12:34:56 +0000] "GET /page.html HTTP/1.1" 200 1234"#
        )
        try TransformBench.expect(
            #"[{"grok": {"match": "%{NGINX_ACCESS_LOG}"}}]"#,
            makes: """
                {"request": "/a", "referrer": "https://www.amazon.com/", "agent": "Mozilla/5.0 (X)", "http_method": "GET",
                "status_code": 200, "auth_user": "Foo", "http_version": "1.1", "response_size": 42,
                "remote_host": "192.168.1.100", "timestamp": "2023-08-03T10:34:56Z"}
                """,
            of:
                #"192.168.1.100 - Foo [03/Aug/2023:12:34:56 +0200] "GET /a HTTP/1.1" 200 42 "https://www.amazon.com/" "Mozilla/5.0 (X)""#
        )
        try TransformBench.expect(
            #"[{"grok": {"match": "%{SYSLOG5424}"}}]"#,
            makes: #"""
                {"pri": 165, "version": 1, "timestamp": "2003-10-11T22:14:15.003Z", "hostname": "mymachine.example.com",
                "app": "evntslog", "msg_id": "ID47", "structured_data": "exampleSDID@32473 iut=\"3\" eventID=\"1011\"",
                "message": "[examplePriority@32473 class=\"high\"]"}
                """#,
            of:
                #"<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3" eventID="1011"][examplePriority@32473 class="high"]"#
        )
        #expect(
            try fields(
                "%{APACHE_ACCESS_LOG} %{DATA}",
                #"h - - [03/Aug/2023:12:34:56 +0000] "GET / HTTP/1.1" 200 1 x y"#
            ) != nil
        )
    }

    @Test(
        "what AWS refuses is refused",
        arguments: [
            ("no pattern", "at least one"), ("%{NOPE:a}", "Unsupported"), ("%{QUOTEDREST:a}", "Unsupported"),
            ("%{INT:a:int}", "Type conversion"), ("%{INT:a", "not closed"), ("%{INT:a.b.c.d}", "must not exceed 3"),
            (String(repeating: "%{INT} ", count: 21), "at most 20"),
            (String(repeating: "%{DATA} ", count: 6), "at most 5"),
            (String(repeating: "%{IP} ", count: 6), "at most 5"),
            ("%{GREEDYDATA_MULTILINE} %{GREEDYDATA_MULTILINE}", "at most 1"),
            ("%{DATA} %{SYSLOG5424}", "must be the first"), ("%{APACHE_ACCESS_LOG} %{SYSLOG5424}", "Only one DATA"),
            ("%{NGINX_ACCESS_LOG} %{NUMBER:n}", "Only one DATA"), (String(repeating: "x", count: 513), "512"),
        ]
    )
    func refused(pattern: String, part: String) throws {
        let error = #expect(throws: InvalidParameterException.self) { try GrokPattern(pattern) }
        #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
    }

    @Test("a text that matches nothing is left soon, however it is made")
    func hostile() throws {
        let pattern = try GrokPattern("%{DATA:a} %{DATA:b} %{DATA:c} %{DATA:d} %{DATA:e}!")
        #expect(pattern.fields(of: String(repeating: "a ", count: 20_000)) == nil)
        #expect(
            try GrokPattern("%{URI:u}").fields(of: "http://" + String(repeating: "a.", count: 20_000) + " x") == nil
        )
    }
}
