// SPDX-License-Identifier: Apache-2.0
import EventPatterns
import MartletCore
import Testing

@testable import SNS

@Suite("Retries") struct RetryTests {
    private func pauses(_ schedule: RetrySchedule, upTo count: Int = 200) -> [Double] {
        (1...count).compactMap { schedule.pause(after: $0)?.fractionalSeconds }
    }

    @Test("to queues and functions are AWS's: at once, after a second, growing, and then for 23 days")
    func managed() {
        let pauses = pauses(.managed, upTo: 20)
        #expect(pauses.prefix(5) == [0, 0, 0, 1, 1])
        #expect(pauses[5..<15] == [1, 2, 4, 8, 16, 20, 20, 20, 20, 20])
        #expect(RetrySchedule.managed.pause(after: 100_015) == .seconds(20))
        #expect(RetrySchedule.managed.pause(after: 100_016) == nil)
        #expect((23 * 86_400.0...24 * 86_400).contains(RetrySchedule.managed.total.fractionalSeconds))
    }

    @Test("to people end after six hours and a half")
    func customer() {
        #expect(pauses(.customer).count == 50)
        #expect(pauses(.customer).prefix(4) == [10, 10, 10, 20])
        #expect((6 * 3_600.0...7.5 * 3_600).contains(RetrySchedule.customer.total.fractionalSeconds))
    }

    @Test("over HTTP are three after twenty seconds, unless a policy says otherwise")
    func usual() { #expect(pauses(RetrySchedule(RetryPolicy())) == [20, 20, 20]) }

    @Test("go through the four phases of a policy", arguments: RetryPolicy.Backoff.allCases)
    func phases(function: RetryPolicy.Backoff) throws {
        let policy = try DeliveryPolicy(
            ofSubscription: """
                {"healthyRetryPolicy": {"minDelayTarget": 1, "maxDelayTarget": 64, "numRetries": 14, "numNoDelayRetries": 2,
                 "numMinDelayRetries": 3, "numMaxDelayRetries": 2, "backoffFunction": "\(function)"}}
                """
        )
        let pauses = pauses(RetrySchedule(try #require(policy.retry)))
        #expect(pauses.count == 14)
        #expect(pauses.prefix(5) == [0, 0, 1, 1, 1])
        #expect(pauses.suffix(2) == [64, 64])
        let growing = Array(pauses[5..<12])
        #expect(growing == growing.sorted())
        #expect(growing.first == 1)
        #expect(growing.last == 64)
    }

    @Test("never trap, whatever the number of the failure is")
    func extremes() {
        for number in [Int.min, -1, 0, Int.max] { _ = RetrySchedule.managed.pause(after: number) }
    }

    @Test(
        "of a policy that is wrong are refused",
        arguments: [
            "", "[]", #"{"healthyRetryPolicy": []}"#, #"{"healthyRetryPolicy": {"numRetries": 101}}"#,
            #"{"healthyRetryPolicy": {"numRetries": -1}}"#, #"{"healthyRetryPolicy": {"maxDelayTarget": 3601}}"#,
            #"{"healthyRetryPolicy": {"minDelayTarget": 30, "maxDelayTarget": 20}}"#,
            #"{"healthyRetryPolicy": {"numRetries": 2, "numNoDelayRetries": 3}}"#,
            #"{"healthyRetryPolicy": {"numRetries": 100, "maxDelayTarget": 3600, "numMaxDelayRetries": 50}}"#,
            #"{"healthyRetryPolicy": {"backoffFunction": "wild"}}"#,
            #"{"throttlePolicy": {"maxReceivesPerSecond": 0}}"#,
            #"{"requestPolicy": {"headerContentType": "text/plain\r\nX: y"}}"#,
            #"{"requestPolicy": {"headerContentType": "image/png"}}"#,
            #"{"healthyRetryPolicy": {"numRetries": 1e300}}"#,
        ]
    )
    func wrong(policy: String) {
        #expect(throws: InvalidParameterException.self) { try DeliveryPolicy(ofSubscription: policy) }
    }

    @Test("of a topic count for its subscriptions, unless those have their own, or may not")
    func overrides() throws {
        let topic = try DeliveryPolicy(ofTopic: #"{"http": {"defaultHealthyRetryPolicy": {"numRetries": 5}}}"#)
        let own = try DeliveryPolicy(ofSubscription: #"{"healthyRetryPolicy": {"numRetries": 7}}"#)
        #expect(DeliveryPolicy.effective(topic: topic, subscription: DeliveryPolicy()).retry?.numRetries == 5)
        #expect(DeliveryPolicy.effective(topic: topic, subscription: own).retry?.numRetries == 7)
        var strict = topic
        strict.disableSubscriptionOverrides = true
        #expect(DeliveryPolicy.effective(topic: strict, subscription: own).retry?.numRetries == 5)
    }
}

@Suite("Addresses of web servers") struct WebAddressTests {
    @Test("are taken apart")
    func parts() throws {
        let address = try #require(WebAddress("HTTPS://user:p%40ss@Example.com:8443/a/b?c=d#e"))
        #expect(address.isSecure)
        #expect(address.host == "example.com")
        #expect(address.port == 8_443)
        #expect(address.target == "/a/b?c=d")
        #expect(address.userInfo == "user:p@ss")
        #expect(address.authority == "example.com:8443")
        #expect(WebAddress("http://[::1]/x")?.host == "::1")
        #expect(WebAddress("http://h?x")?.target == "/?x")
        #expect(WebAddress("http://h")?.authority == "h")
    }

    @Test(
        "that are none are refused",
        arguments: [
            "", "http://", "ftp://h/", "http://:80/", "http://h:0/", "http://h:65536/", "http://h:x/", "http://h h/",
            "http://h/\r\nX: y", "http://[::1", "http://[x]/", "http://h\u{e9}/", "http:/h", "http://a:b:c/",
            "http://%zz@h/", "http://" + String(repeating: "a", count: 300) + "/",
        ]
    )
    func wrong(url: String) { #expect(WebAddress(url) == nil) }

    @Test(
        "are judged by what they resolve to",
        arguments: [
            ("127.0.0.1", true, false), ("::1", true, false), ("10.0.0.1", true, true), ("192.168.1.1", true, true),
            ("169.254.169.254", false, false), ("fe80::1", false, false), ("0.0.0.0", false, false),
            ("::", false, false), ("224.0.0.1", false, false), ("255.255.255.255", false, false),
            ("8.8.8.8", true, true), ("2606:4700::1111", true, true), ("::ffff:127.0.0.1", true, false),
            ("::ffff:169.254.169.254", false, false), ("64:ff9b::a9fe:a9fe", false, false),
            ("fd00:ec2::254", false, false),
        ]
    )
    func policy(address: String, open: Bool, closed: Bool) throws {
        let bytes = try #require(AddressRange.bytes(of: address))
        #expect(AddressPolicy.withLoopback.allows(bytes) == open)
        #expect(AddressPolicy.withoutLoopback.allows(bytes) == closed)
    }
}
