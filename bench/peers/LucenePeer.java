// Lucene as a peer of `canopy game`: the same corpus, the same queries, the same output.
//
//   LucenePeer build CORPUS INDEX THREADS STORE(0|1)   one segment; prints one JSON object
//   LucenePeer query QUERIES INDEX WARMUP PASSES COMMANDS      timings, as `canopy game` prints them
//   LucenePeer scores QUERIES INDEX K                  the K best, as `canopy game --scores` prints them
//
// CORPUS is JSON Lines, one flat object a line. All string values but "id" form one text field: lower case, split on
// anything but ASCII letters and digits, no stop words, positions and lengths indexed; "id" is a doc value. With STORE the
// text is stored too. BM25 with k1 = 1.2, b = 0.75. Built with one thread, document numbers are line numbers.
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.LowerCaseFilter;
import org.apache.lucene.analysis.Tokenizer;
import org.apache.lucene.analysis.util.CharTokenizer;
import org.apache.lucene.document.BinaryDocValuesField;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.Field;
import org.apache.lucene.document.FieldType;
import org.apache.lucene.index.DirectoryReader;
import org.apache.lucene.index.IndexOptions;
import org.apache.lucene.index.IndexWriter;
import org.apache.lucene.index.IndexWriterConfig;
import org.apache.lucene.index.Term;
import org.apache.lucene.search.BooleanClause;
import org.apache.lucene.search.BooleanQuery;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.PhraseQuery;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.ScoreDoc;
import org.apache.lucene.search.TermQuery;
import org.apache.lucene.search.TopDocs;
import org.apache.lucene.search.TopScoreDocCollector;
import org.apache.lucene.search.similarities.BM25Similarity;
import org.apache.lucene.store.MMapDirectory;
import org.apache.lucene.util.BytesRef;

public final class LucenePeer {
  private static final String FIELD = "text";
  private static final double RAM_MB = 256;

  public static void main(String[] args) throws Exception {
    switch (args[0]) {
      case "build":
        build(args[1], Paths.get(args[2]), Integer.parseInt(args[3]), args[4].equals("1"));
        break;
      case "query":
        query(args[1], Paths.get(args[2]), Integer.parseInt(args[3]), Integer.parseInt(args[4]),
            args[5].split(","));
        break;
      case "scores":
        scores(args[1], Paths.get(args[2]), Integer.parseInt(args[3]));
        break;
      default:
        throw new IllegalArgumentException(args[0]);
    }
  }

  // ---- Analysis

  private static final class AsciiTokenizer extends CharTokenizer {
    @Override
    protected boolean isTokenChar(int c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
    }
  }

  private static final class AsciiAnalyzer extends Analyzer {
    @Override
    protected TokenStreamComponents createComponents(String field) {
      Tokenizer tokenizer = new AsciiTokenizer();
      return new TokenStreamComponents(tokenizer, new LowerCaseFilter(tokenizer));
    }
  }

  // ---- Reading the corpus

  // One flat JSON object of strings and numbers.
  private static final class FlatObject {
    private final StringBuilder scratch = new StringBuilder();
    final StringBuilder text = new StringBuilder();
    String id = "";

    void parse(String line) {
      text.setLength(0);
      id = "";
      int at = skip(line, 0, "{");
      while (line.charAt(at) != '}') {
        at = string(line, at);
        boolean isId = scratch.toString().equals("id");
        at = skip(line, at, ":");
        if (line.charAt(at) == '"') {
          at = string(line, at);
          if (isId) {
            id = scratch.toString();
          } else {
            text.append(scratch).append('\n');
          }
        } else {
          int end = at;
          while (",} ".indexOf(line.charAt(end)) < 0) end++;
          if (isId) id = line.substring(at, end);
          at = end;
        }
        at = skip(line, at, ",");
      }
    }

    // Spaces and the characters of `also`.
    private static int skip(String line, int at, String also) {
      while (line.charAt(at) == ' ' || also.indexOf(line.charAt(at)) >= 0) at++;
      return at;
    }

    // Reads the string that begins at `at` into `scratch` and returns the place behind it.
    private int string(String line, int at) {
      scratch.setLength(0);
      int from = at + 1;
      for (int p = from;; p++) {
        char c = line.charAt(p);
        if (c != '"' && c != '\\') continue;
        scratch.append(line, from, p);
        if (c == '"') return p + 1;
        char escape = line.charAt(++p);
        if (escape == 'u') {
          scratch.append((char) Integer.parseInt(line, p + 1, p + 5, 16));
          p += 4;
        } else {
          int which = "ntrbf".indexOf(escape);
          scratch.append(which >= 0 ? "\n\t\r\b\f".charAt(which) : escape);
        }
        from = p + 1;
      }
    }
  }

  // The lines that begin in bytes [from, to) of a file; a line belongs to the range in which it begins.
  private static final class LineRange implements AutoCloseable {
    private final InputStream in;
    private final long to;
    private long position;
    private final byte[] block = new byte[1 << 20];
    private int at;
    private int have;
    private byte[] line = new byte[1 << 16];

    LineRange(String path, long from, long to) throws IOException {
      this.to = to;
      position = Math.max(0, from - 1);
      FileInputStream file = new FileInputStream(path);
      file.getChannel().position(position);
      in = file;
      if (from > 0) next();
    }

    // The next line without its end, or null.
    String next() throws IOException {
      if (position >= to) return null;
      int size = 0;
      while (true) {
        if (at == have) {
          at = 0;
          have = in.read(block);
          if (have <= 0) break;
        }
        int end = at;
        while (end < have && block[end] != '\n') end++;
        if (size + end - at > line.length) line = Arrays.copyOf(line, 2 * (size + end - at));
        System.arraycopy(block, at, line, size, end - at);
        size += end - at;
        at = Math.min(end + 1, have);
        if (end < have) break;
      }
      position += size + 1;
      return size == 0 && have <= 0 ? null : new String(line, 0, size, StandardCharsets.UTF_8);
    }

    @Override
    public void close() throws IOException {
      in.close();
    }
  }

  // ---- Building

  private static void build(String corpus, Path index, int threads, boolean store)
      throws Exception {
    long start = System.nanoTime();
    IndexWriterConfig config = new IndexWriterConfig(new AsciiAnalyzer());
    config.setOpenMode(IndexWriterConfig.OpenMode.CREATE);
    config.setRAMBufferSizeMB(RAM_MB);
    config.setUseCompoundFile(false);
    config.setSimilarity(new BM25Similarity(1.2f, 0.75f));
    AtomicLong docs = new AtomicLong();
    try (IndexWriter writer = new IndexWriter(new MMapDirectory(index), config)) {
      addAll(corpus, threads, store, writer, docs);
      writer.forceMerge(1);
      writer.commit();
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    long bytes = 0;
    for (File file : index.toFile().listFiles()) bytes += file.length();
    System.out.printf(Locale.ROOT,
        "{\"documents\": %d, \"input_bytes\": %d, \"index_bytes\": %d, \"seconds\": %.3f}%n",
        docs.get(), new File(corpus).length(), bytes, seconds);
  }

  // Each thread reads its own part of the file.
  private static void addAll(String corpus, int threads, boolean store, IndexWriter writer,
      AtomicLong docs) throws Exception {
    long size = new File(corpus).length();
    AtomicReference<Exception> failure = new AtomicReference<>();
    List<Thread> running = new ArrayList<>();
    for (int k = 0; k < threads; k++) {
      final long from = size * k / threads;
      final long to = size * (k + 1) / threads;
      Thread thread = new Thread(() -> {
        try (LineRange lines = new LineRange(corpus, from, to)) {
          addLines(lines, store, writer, docs);
        } catch (Exception e) {
          failure.set(e);
        }
      });
      thread.start();
      running.add(thread);
    }
    for (Thread thread : running) thread.join();
    if (failure.get() != null) throw failure.get();
  }

  private static void addLines(LineRange lines, boolean store, IndexWriter writer, AtomicLong docs)
      throws IOException {
    FieldType type = new FieldType();
    type.setIndexOptions(IndexOptions.DOCS_AND_FREQS_AND_POSITIONS);
    type.setTokenized(true);
    type.setStored(store);
    type.freeze();
    Field text = new Field(FIELD, "", type);
    BinaryDocValuesField id = new BinaryDocValuesField("id", new BytesRef());
    Document document = new Document();
    document.add(text);
    document.add(id);
    FlatObject object = new FlatObject();
    for (String line; (line = lines.next()) != null;) {
      object.parse(line);
      text.setStringValue(object.text.toString());
      id.setBytesValue(new BytesRef(object.id));
      writer.addDocument(document);
      docs.incrementAndGet();
    }
  }

  // ---- Searching

  private static final class GameQuery {
    final String line;
    final String kind;
    final String[] terms;

    GameQuery(String line) {
      this.line = line;
      terms = Arrays.stream(line.split("[^a-z0-9]+")).filter(term -> !term.isEmpty())
                  .toArray(String[]::new);
      kind = line.startsWith("+") ? "intersection"
          : line.startsWith("\"") ? "phrase"
          : terms.length == 1     ? "term"
                                  : "union";
    }

    Query make() {
      if (kind.equals("term")) return new TermQuery(new Term(FIELD, terms[0]));
      if (kind.equals("phrase")) return new PhraseQuery(FIELD, terms);
      BooleanClause.Occur occur =
          kind.equals("union") ? BooleanClause.Occur.SHOULD : BooleanClause.Occur.MUST;
      BooleanQuery.Builder builder = new BooleanQuery.Builder();
      for (String term : terms) builder.add(new TermQuery(new Term(FIELD, term)), occur);
      return builder.build();
    }
  }

  private static List<GameQuery> readQueries(String path) throws IOException {
    List<GameQuery> queries = new ArrayList<>();
    for (String line : Files.readAllLines(Paths.get(path))) {
      if (!line.isEmpty()) queries.add(new GameQuery(line));
    }
    return queries;
  }

  private static IndexSearcher searcher(Path index) throws IOException {
    MMapDirectory directory = new MMapDirectory(index);
    directory.setPreload(true);
    IndexSearcher searcher = new IndexSearcher(DirectoryReader.open(directory));
    searcher.setSimilarity(new BM25Similarity(1.2f, 0.75f));
    searcher.setQueryCache(null);
    return searcher;
  }

  private static long sink;  // keeps results from being optimized away

  // What the game prints: the number of matches, or for TOP_10 the number of hits.
  private static long run(IndexSearcher searcher, GameQuery query, String command)
      throws IOException {
    if (command.equals("COUNT")) return searcher.count(query.make());
    boolean counted = command.equals("TOP_10_COUNT");
    TopDocs top = top(searcher, query, 10, counted ? Integer.MAX_VALUE : 10);
    for (ScoreDoc hit : top.scoreDocs) sink += hit.doc;
    return counted ? top.totalHits.value : top.scoreDocs.length;
  }

  private static TopDocs top(IndexSearcher searcher, GameQuery query, int k, int exactUpTo)
      throws IOException {
    TopScoreDocCollector collector = TopScoreDocCollector.create(k, exactUpTo);
    searcher.search(query.make(), collector);
    return collector.topDocs();
  }

  private static void query(String queries, Path index, int warmup, int passes, String[] commands)
      throws IOException {
    List<GameQuery> list = readQueries(queries);
    timeOpen(index);
    IndexSearcher searcher = searcher(index);
    PrintStream out = new PrintStream(System.out, false);
    for (String command : commands) {
      double[][] us = new double[list.size()][passes];
      long[] counts = new long[list.size()];
      for (int pass = -warmup; pass < passes; pass++) {
        for (int i = 0; i < list.size(); i++) {
          long start = System.nanoTime();
          counts[i] = run(searcher, list.get(i), command);
          long end = System.nanoTime();
          if (pass >= 0) us[i][pass] = (end - start) / 1e3;
        }
      }
      for (int i = 0; i < list.size(); i++) {
        Arrays.sort(us[i]);
        out.printf(Locale.ROOT, "%s\t%s\t%d\t%.1f\t%.1f\t%s%n", command, list.get(i).kind,
            counts[i], us[i][0], us[i][passes / 2], list.get(i).line);
      }
    }
    out.flush();
  }

  // Opens the index a few times without reading ahead and prints the shortest time to standard error.
  private static void timeOpen(Path index) throws IOException {
    double best = Double.MAX_VALUE;
    for (int i = 0; i < 5; i++) {
      long start = System.nanoTime();
      try (DirectoryReader reader = DirectoryReader.open(new MMapDirectory(index))) {
        sink += reader.numDocs();
        best = Math.min(best, (System.nanoTime() - start) / 1e3);
      }
    }
    System.err.printf(Locale.ROOT, "{\"open_us\": %.1f}%n", best);
  }

  private static void scores(String queries, Path index, int k) throws IOException {
    IndexSearcher searcher = searcher(index);
    PrintStream out = new PrintStream(System.out, false);
    for (GameQuery query : readQueries(queries)) {
      TopDocs top = top(searcher, query, k, Integer.MAX_VALUE);
      int rank = 0;
      for (ScoreDoc hit : top.scoreDocs) {
        out.printf(Locale.ROOT, "%s\t%d\t%d\t%.9g\t%d%n", query.line, ++rank, hit.doc, hit.score,
            top.totalHits.value);
      }
    }
    out.flush();
  }
}
