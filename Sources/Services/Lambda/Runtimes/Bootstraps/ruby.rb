# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# Runs one Lambda handler in Ruby 2.7 or newer, over the Runtime API.
#
# Best started as `ruby --disable-gems -EUTF-8 <this file>`: RubyGems costs 50 ms of a cold start, and most functions
# never need it. It is loaded at the moment something does: a file that is not on the load path, `gem`, or the constant
# `Gem`; and right away where the package or a layer brings gems. The standard logger is set up when it is loaded.

require 'socket.so'
require 'json'

module Martlet
  API = '/2018-06-01/runtime/'
  HEAD_LIMIT_BYTES = 1 << 20
  HIDDEN_VARIABLES = %w[MARTLET_LOG_FD _LAMBDA_TELEMETRY_LOG_FD MARTLET_CLAIM_FD].freeze

  class << self
    attr_accessor :sink
  end

  # Runtime API ------------------------------------------------------------------------------

  # A client for one kept-alive HTTP/1.1 connection and one request at a time.
  class RuntimeAPI
    attr_reader :address

    def initialize(address)
      @address = address
      host, _, port = address.rpartition(':')
      @host = host.delete('[]')
      @port = port.to_i
      @next_request = "GET #{API}invocation/next HTTP/1.1\r\nHost: #{address}\r\n\r\n"
    end

    # Headers with names in lower case, and the body.
    def next
      status, headers, body = exchange(@next_request)
      raise "Received #{status} when waiting for next invocation." unless status == 200

      [headers, body]
    end

    # Sends one answer. 413 is left to the server, which has already told the caller.
    def post(path, body, content_type, error_type = nil)
      kind = error_type ? "Lambda-Runtime-Function-Error-Type: #{error_type.gsub(/[^\x21-\x7e]/, '?')}\r\n" : ''
      head = "POST #{API}#{path} HTTP/1.1\r\nHost: #{@address}\r\nContent-Type: #{content_type}\r\n" \
             "#{kind}Content-Length: #{body.bytesize}\r\n\r\n"
      status, = exchange(head, body)
      raise "Failed to post #{path}. Response code: #{status}" unless (200..299).cover?(status) || status == 413
    end

    def connect
      @socket = TCPSocket.new(@host, @port)
      @socket.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1)
      @socket.binmode
    end

    private

    # Tries once more on a fresh connection when a kept one turns out to be closed.
    def exchange(head, body = '')
      kept = !@socket.nil?
      begin
        exchange_once(head, body)
      rescue EOFError, Errno::ECONNRESET, Errno::EPIPE
        close
        raise unless kept

        exchange_once(head, body)
      end
    end

    def exchange_once(head, body)
      connect unless @socket
      @socket.write(head, body)
      receive
    end

    def close
      @socket&.close
      @socket = nil
    end

    def receive
      first, *lines = line("\r\n\r\n").split("\r\n")
      headers = {}
      lines.each do |text|
        name, _, value = text.partition(':')
        headers[name.downcase] = value.strip
      end
      chunked = headers['transfer-encoding']&.downcase == 'chunked'
      body = chunked ? receive_chunks : exactly(headers['content-length'].to_i)
      close if headers['connection']&.downcase == 'close'
      [first.split(' ', 3)[1].to_i, headers, body.force_encoding(Encoding::UTF_8)]
    end

    def receive_chunks
      body = String.new
      loop do
        size = line("\r\n").to_i(16)
        break if size.zero?

        body << exactly(size)
        exactly(2)
      end
      loop { break if line("\r\n") == "\r\n" } # trailers carry nothing that a runtime needs
      body
    end

    def line(terminator)
      text = @socket.gets(terminator, HEAD_LIMIT_BYTES)
      raise EOFError, 'the Runtime API closed the connection' unless text&.end_with?(terminator)

      text.force_encoding(Encoding::UTF_8).scrub('?')
    end

    def exactly(size)
      return String.new if size.zero?

      data = @socket.read(size)
      raise EOFError, 'the Runtime API closed the connection' unless data&.bytesize == size

      data
    end
  end

  # Log --------------------------------------------------------------------------------------

  # Where `puts` and loggers write. With a descriptor, each record is one frame: type (4), length (4), time in µs (8),
  # message; big-endian.
  class LogSink
    TEXT = 0xA55A0003

    def initialize(descriptor)
      return unless descriptor

      @file = IO.for_fd(descriptor, 'wb', autoclose: false)
      @file.sync = true
    end

    def framed?
      !@file.nil?
    end

    def write(message)
      return $stdout.write(message) unless @file

      data = message.b
      time = Process.clock_gettime(Process::CLOCK_REALTIME, :microsecond)
      @file.write([TEXT, data.bytesize, time].pack('NNQ>') + data)
    end

    def close; end
  end

  def self.frame_puts
    Kernel.module_eval do
      def puts(*values)
        text = values.flatten.map { |value| value.to_s.encode(Encoding::UTF_8, invalid: :replace, undef: :replace) }.join("\n")
        Martlet.sink.write(text.end_with?("\n") ? text : "#{text}\n")
        nil
      end
    end
  end

  # Loggers on standard output or error write records that name the request.
  module LoggerOnLambda
    LEVELS = { 'TRACE' => 'debug', 'DEBUG' => 'debug', 'INFO' => 'info', 'WARN' => 'warn', 'ERROR' => 'error', 'FATAL' => 'fatal' }.freeze

    def initialize(device = nil, *rest, **options)
      return super unless device.nil? || device.equal?($stdout) || device.equal?($stderr)

      level = LEVELS[ENV['AWS_LAMBDA_LOG_LEVEL'].to_s.upcase]
      super(Martlet.sink, *rest, **(level ? { level: level } : {}), **options)
      @default_formatter = Martlet.json_logs? ? JsonRecords.new : TextRecords.new
    end
  end

  def self.json_logs?
    ENV['AWS_LAMBDA_LOG_FORMAT'].to_s.casecmp?('JSON')
  end

  def self.utf8(text)
    text.to_s.encode(Encoding::UTF_8, invalid: :replace, undef: :replace).scrub('�')
  end

  def self.set_up_logger
    return if defined?(TextRecords)

    const_set(:TextRecords, Class.new(Logger::Formatter) do
      def call(severity, time, name, message)
        format("%s, [%s #%d] %5s %s -- %s: %s\n", severity[0], time.strftime('%Y-%m-%dT%H:%M:%S.%6N'), $$, severity,
               $_global_aws_request_id, name, Martlet.utf8(msg2str(message)))
      end
    end)
    const_set(:JsonRecords, Class.new(Logger::Formatter) do
      def call(severity, time, name, message)
        raised = message.is_a?(Exception)
        record = { timestamp: time.getutc.strftime('%Y-%m-%dT%H:%M:%S.%6NZ'), level: severity,
                   message: Martlet.utf8(raised ? message.message : msg2str(message)), requestId: $_global_aws_request_id }
        record[:logger] = Martlet.utf8(name) unless name.nil? || name.to_s.empty?
        record.merge!(Martlet.described(message)) if raised
        "#{JSON.generate(record.compact)}\n"
      end
    end)
    Logger.prepend(LoggerOnLambda)
  end

  # An exception in a JSON record.
  def self.described(error)
    trace = Array(error.backtrace).map { |line| utf8(line) }
    place = trace.first&.match(/\A(?<file>.+):(?<line>\d+):in [`'](?<method>.+)'\z/)
    { errorType: error.class.to_s, errorMessage: utf8(error.message), stackTrace: trace,
      location: place ? "#{place[:file]}:#{place[:method]}:#{place[:line]}" : trace.first }
  end

  # Loading on demand ------------------------------------------------------------------------

  # Ruby with RubyGems, loaded when it is needed.
  module Gems
    def self.load
      return false if defined?(::Gem::Specification)

      require 'rubygems'
      true
    end

    def self.brought?
      ENV['GEM_PATH'].to_s.split(':').any? { |path| Dir.exist?(path) }
    end
  end

  # What AWS's runtime has loaded before the function is, without the time that takes.
  def self.load_on_demand
    Kernel.module_eval do
      alias_method :martlet_require, :require
      private :martlet_require

      def require(name)
        result = martlet_require(name)
        Martlet.set_up_logger if result && name == 'logger'
        result
      rescue LoadError => error
        raise unless error.path == name && Martlet::Gems.load

        require(name)
      end
      private :require

      unless method_defined?(:gem) || private_method_defined?(:gem)
        def gem(...)
          Martlet::Gems.load
          gem(...) # the one that RubyGems has defined
        end
        private :gem
      end
    end
    { Gem: 'rubygems', Logger: 'logger', StringIO: 'stringio', Net: 'net/http' }.each do |name, file|
      Object.autoload(name, file) unless Object.const_defined?(name, false)
    end
  end

  # Context and errors -----------------------------------------------------------------------

  def self.error_payload(error, classification)
    trace = (error.backtrace_locations || []).first(100).map(&:to_s).reject { |line| line.start_with?(__FILE__) }
    { errorMessage: utf8(error.message), errorType: "#{classification}<#{error.class}>", stackTrace: trace }
  end

  # Error types in the header that AWS lets through; any other class is a user exception.
  PLAIN_ERRORS = %w[
    ArgumentError NoMethodError Exception StandardError NameError LoadError SystemExit SystemStackError
  ].freeze

  def self.header_type(error, payload)
    PLAIN_ERRORS.include?(error.class.to_s) ? payload[:errorType] : 'Function<UserException>'
  end

  def self.log_error(message, payload)
    text = JSON.pretty_generate(payload)
    puts message
    puts text
  end

  # Phases -----------------------------------------------------------------------------------

  # The function's code.
  class Handler
    def initialize(name)
      @file, *@namespace, @method = name.split('.')
      return if @method && @namespace.size <= 1

      raise ArgumentError, "Invalid handler #{name.split('.')}, must be of form FILENAME.METHOD or " \
        'FILENAME.CLASS.METHOD where FILENAME corresponds with an existing Ruby source file FILENAME.rb, CLASS is an ' \
        'optional module/class namespace and METHOD is a callable method. If using CLASS, METHOD must be a class-level ' \
        'method.'
    end

    def load
      TOPLEVEL_BINDING.receiver.__send__(:require, @file)
    end

    # The answer's bytes and content type.
    def call(event, context)
      answer =
        if @namespace.empty?
          Object.new.__send__(@method, event: event, context: context)
        else
          Kernel.const_get(@namespace.first).send(@method, event: event, context: context)
        end
      raw = answer.is_a?(IO) || (Object.autoload?(:StringIO).nil? && answer.is_a?(StringIO))
      raw ? [answer.read.to_s, 'application/unknown'] : [answer.to_json, 'application/json']
    end
  end

  # Serves invocations until the function's code asks for the end of the process.
  class Loop
    def initialize(api, handler)
      @api = api
      @handler = handler
    end

    # The exit status.
    def run
      loop do
        headers, body = @api.next
        id = headers['lambda-runtime-aws-request-id']
        $_global_aws_request_id = id
        ENV['_X_AMZN_TRACE_ID'] = headers['lambda-runtime-trace-id']
        status = serve("invocation/#{id}/", headers, body)
        return status if status
      end
    end

    private

    # What the function's code did wrong is its own error. `NameError` and what is not a `StandardError` end the process.
    def serve(path, headers, body)
      event, context = request(headers, body)
      begin
        answer, content_type = @handler.call(event, context)
      rescue NameError => error
        return critical(path, error)
      rescue StandardError => error
        return fail(path, error, 'Error raised from handler method')
      rescue Exception => error # rubocop:disable Lint/RescueException
        return critical(path, error)
      end
      @api.post("#{path}response", answer, content_type)
      nil
    rescue JSON::ParserError => error
      fail(path, error, 'Error raised from the runtime', 'Runtime')
    end

    def request(headers, body)
      plain = headers.fetch('content-type', 'application/json') == 'application/json'
      [plain ? JSON.parse(body) : body, LambdaContext.new(headers)]
    end

    def critical(path, error)
      fail(path, error, 'Critical exception from handler')
      255
    end

    def fail(path, error, message, classification = 'Function')
      payload = Martlet.error_payload(error, classification)
      Martlet.log_error(message, payload)
      @api.post("#{path}error", payload.to_json, 'application/json', Martlet.header_type(error, payload))
      nil
    end
  end

  # A process that waits to be told what it becomes.
  module Claim
    # Time is free until the claim: loads what most functions use.
    def self.warm_up
      Gems.load
      %w[logger stringio net/http time set].each { |name| require name }
      JSON.parse('{"a":[1,"b",null]}').to_json
    end

    # Blocks until the server says what to become; returns the handler that it named, if any.
    def self.wait(descriptor)
      text = IO.for_fd(descriptor, 'rb').tap { |file| file.sync = true }
      line = text.gets("\n").to_s
      text.close
      exit!(0) if line.strip.empty? # the server went away or no longer wants this environment
      claim = JSON.parse(line.force_encoding(Encoding::UTF_8))
      ENV.update(claim['environment'] || {})
      ENV['RUBYLIB'].to_s.split(':').reverse_each { |path| $LOAD_PATH.unshift(path) }
      ::Gem.clear_paths if defined?(::Gem::Specification)
      Random.srand
      claim['handler']
    end

    # A connection made before the claim, where the server has told the address already.
    def self.connect_early
      address = ENV['AWS_LAMBDA_RUNTIME_API'] or return
      RuntimeAPI.new(address).tap do |api|
        api.connect
      rescue SystemCallError
        nil # tried again, and reported, at the first request
      end
    end
  end

  def self.prepare
    $stdout.sync = true
    descriptor = ENV['MARTLET_LOG_FD'] || ENV['_LAMBDA_TELEMETRY_LOG_FD']
    claim = ENV['MARTLET_CLAIM_FD']
    HIDDEN_VARIABLES.each { |name| ENV.delete(name) }
    self.sink = LogSink.new(descriptor&.to_i)
    frame_puts if sink.framed?
    load_on_demand
    claim&.to_i
  end

  def self.initialise(api, name)
    handler = Handler.new(name)
    handler.load
    handler
  rescue Exception => error # rubocop:disable Lint/RescueException
    payload = error_payload(error, 'Init')
    log_error("Init error when loading handler #{name}", payload)
    api.post('init/error', payload.to_json, 'application/json', header_type(error, payload))
    exit(252)
  end

  def self.main
    claim = prepare
    if claim
      early = Claim.connect_early
      Claim.warm_up
      name = Claim.wait(claim)
    end
    Gems.load if Gems.brought?
    root = ENV['LAMBDA_TASK_ROOT'] || '/var/task'
    Dir.chdir(root) if Dir.exist?(root)
    $LOAD_PATH.unshift(root) unless $LOAD_PATH.include?(root)
    address = ENV.fetch('AWS_LAMBDA_RUNTIME_API')
    api = early&.address == address ? early : RuntimeAPI.new(address)
    exit(Loop.new(api, initialise(api, name || ENV['_HANDLER'].to_s)).run)
  end
end

# What a handler gets as `context:`.
class LambdaContext
  attr_reader :aws_request_id, :invoked_function_arn, :log_group_name, :log_stream_name, :function_name,
              :memory_limit_in_mb, :function_version, :identity, :client_context, :deadline_ms, :tenant_id

  def initialize(headers)
    @deadline_ms = headers['lambda-runtime-deadline-ms'].to_i
    @aws_request_id = headers['lambda-runtime-aws-request-id']
    @invoked_function_arn = headers['lambda-runtime-invoked-function-arn']
    @tenant_id = headers['lambda-runtime-aws-tenant-id']
    @log_group_name = ENV['AWS_LAMBDA_LOG_GROUP_NAME']
    @log_stream_name = ENV['AWS_LAMBDA_LOG_STREAM_NAME']
    @function_name = ENV['AWS_LAMBDA_FUNCTION_NAME']
    @memory_limit_in_mb = ENV['AWS_LAMBDA_FUNCTION_MEMORY_SIZE']
    @function_version = ENV['AWS_LAMBDA_FUNCTION_VERSION']
    @identity = parsed(headers['lambda-runtime-cognito-identity'])
    @client_context = parsed(headers['lambda-runtime-client-context'])
  end

  def get_remaining_time_in_millis
    [deadline_ms - Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond), 0].max
  end

  private

  def parsed(text)
    text.nil? || text.empty? ? nil : JSON.parse(text)
  end
end

Martlet.main if $PROGRAM_NAME == __FILE__
